type Child = Node | string | false | undefined;

/** Makes an element: `element('p.note', 'Text')`. */
export function element(selector: string, ...children: Child[]): HTMLElement {
  const [tag = 'div', ...classes] = selector.split('.');
  const node = document.createElement(tag || 'div');
  if (classes.length > 0) node.className = classes.join(' ');
  for (const child of children) if (child !== false && child !== undefined) node.append(child);
  return node;
}

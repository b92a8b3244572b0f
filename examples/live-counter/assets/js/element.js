/** Makes an element. What people typed goes in as text, never as markup. */
export function element(name, className = '', content = []) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...(Array.isArray(content) ? content : [content]));
  return made;
}

/** The round initial that stands for a person, in a colour of its own. */
export function avatar(name) {
  const made = element('span', 'avatar', [...name][0].toUpperCase());
  made.setAttribute('aria-hidden', 'true');
  made.style.setProperty('--hue', hueOf(name));
  return made;
}

function hueOf(text) {
  let hash = 0;
  for (const character of text) hash = (hash * 31 + character.codePointAt(0)) % 360;
  return hash;
}

/** Shows what went wrong under a form, or clears it. */
export function showProblem(selector, error) {
  const line = document.querySelector(selector);
  line.hidden = !error;
  line.textContent = error?.message ?? '';
}

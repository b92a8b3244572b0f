interface ScriptElement {
  getAttribute(name: string): string | null;
}

declare const document: { getElementsByTagName(name: 'script'): ArrayLike<ScriptElement> } | undefined;

/** Whether the script tag that loads this has an attribute for a setting of `io.sails`, with `data-` or without (as sails.io.js reads them). */
export function scriptTagSays(setting: string): boolean {
  if (typeof document === 'undefined') return false;
  const scripts = document.getElementsByTagName('script');
  const last = scripts[scripts.length - 1];
  return Boolean(last?.getAttribute(`data-${setting}`) ?? last?.getAttribute(setting));
}

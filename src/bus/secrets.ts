/** Reads the secrets of a variable: one, or several separated by commas while they are being changed; the first is the one to use. */
export function readSecrets(value: string | undefined): string[] {
  return (value ?? '')
    .split(',')
    .map((secret) => secret.trim())
    .filter(Boolean);
}

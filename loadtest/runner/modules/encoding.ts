type Encoding = 'std' | 'rawstd' | 'url' | 'rawurl';

/** `k6/encoding`. */
export function encodingModule() {
  const b64encode = (input: string | ArrayBuffer, encoding: Encoding = 'std'): string => {
    const bytes = typeof input === 'string' ? Buffer.from(input, 'utf8') : Buffer.from(input);
    const text = bytes.toString(encoding.endsWith('url') ? 'base64url' : 'base64');
    if (encoding === 'rawstd') return text.replace(/=+$/, '');
    return encoding === 'url' ? text.padEnd(Math.ceil(text.length / 4) * 4, '=') : text;
  };
  const b64decode = (input: string, _encoding: Encoding = 'std', format?: 's'): string | ArrayBuffer => {
    // Node reads both alphabets, with and without padding.
    const bytes = Buffer.from(input, 'base64');
    return format === 's' ? bytes.toString('utf8') : new Uint8Array(bytes).buffer;
  };
  return { default: { b64encode, b64decode }, b64encode, b64decode };
}

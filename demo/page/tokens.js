// Text to bytes and back. Answers hold base64, links base64url.

/**
 * The bytes of a base64 text.
 * @param {string} text
 */
export function bytes(text) {
  const binary = atob(text);
  const found = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i += 1) found[i] = binary.charCodeAt(i);
  return found;
}

/**
 * base64 as a link holds it.
 * @param {string} text
 */
export const urlsafe = (text) => text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

/**
 * The tokens that a text holds as a link does, whatever came along: a whole link, blanks and line ends of a message
 * that broke it, the characters of ordinary base64.
 * @param {string} text
 */
export function tokensOf(text) {
  const solid = text.replaceAll(/\s|%20|%0a|%0d|%09|[\u00ad\u200b-\u200d\u2060\ufeff]/gi, "");
  const whole = solid.replaceAll(/%23/gi, "#").replaceAll(/%26/gi, "&").replaceAll(/%3d/gi, "=");
  const after = whole.split(/[#&?]t=/).at(-1) ?? "";
  return urlsafe(
    after
      .replace(/[#&].*/, "")
      .replaceAll(/%2b/gi, "+")
      .replaceAll(/%2f/gi, "/"),
  );
}

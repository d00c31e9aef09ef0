// Text to bytes and back. Answers hold base64, links base64url.

/**
 * The bytes of a base64 text.
 * @param {string} text
 */
export const bytes = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));

/**
 * base64 as a link holds it.
 * @param {string} text
 */
export const urlsafe = (text) => text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

interface Encoder {
  writeFrame(index: Uint8Array, width: number, height: number, options: object): void;
  finish(): void;
  bytes(): Uint8Array<ArrayBuffer>;
}
export function GIFEncoder(): Encoder;
export function quantize(rgba: Uint8ClampedArray, colours: number): number[][];
export function applyPalette(rgba: Uint8ClampedArray, palette: number[][]): Uint8Array;

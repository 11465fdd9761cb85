// Reads the text that pictures carry: PNG tEXt, and iTXt (plain or compressed), by keyword.

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

export function isPng(bytes: Uint8Array): boolean {
  return SIGNATURE.every((byte, i) => bytes[i] === byte);
}

const latin1 = new TextDecoder('latin1');
const utf8 = new TextDecoder();

async function inflate(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>])
    .stream()
    .pipeThrough(new DecompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function readInternational(data: Uint8Array, nul: number): Promise<string> {
  const compressed = data[nul + 1] === 1;
  const language = data.indexOf(0, nul + 3);
  const translated = language < 0 ? -1 : data.indexOf(0, language + 1);
  if (translated < 0) return '';
  const text = data.subarray(translated + 1);
  return utf8.decode(compressed ? await inflate(text) : text);
}

/** Keyword -> text of every text chunk; stops quietly where the file is cut off. */
export async function pngTexts(bytes: Uint8Array): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    const type = latin1.decode(bytes.subarray(at + 4, at + 8));
    const data = bytes.subarray(at + 8, at + 8 + length);
    const nul = data.indexOf(0);
    if (nul > 0 && (type === 'tEXt' || type === 'iTXt')) {
      const keyword = latin1.decode(data.subarray(0, nul));
      const text =
        type === 'tEXt'
          ? latin1.decode(data.subarray(nul + 1))
          : await readInternational(data, nul);
      texts.set(keyword, text);
    }
    at += 12 + length;
  }
  return texts;
}

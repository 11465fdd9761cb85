// Decodes what comes over the websocket: JSON messages and binary previews (all integers big-endian).

import { parseJson } from '../formats/json';
import { isObject, type JsonObject, objectOf, textOf } from '../model/json';
import type { Message } from '../model/run';

export interface Preview {
  readonly node: string;
  readonly prompt: string;
  readonly image: Blob;
}

const PREVIEW_WITH_METADATA = 4;

export function decodeText(text: string): Message | null {
  const json = parseJson(text);
  if (!isObject(json) || typeof json.type !== 'string') return null;
  return { type: json.type, data: objectOf(json.data) };
}

/** A preview frame that names its node; null for other binary messages. */
export function decodePreview(buffer: ArrayBuffer): Preview | null {
  if (buffer.byteLength < 8) return null;
  const view = new DataView(buffer);
  if (view.getUint32(0) !== PREVIEW_WITH_METADATA) return null;
  const length = view.getUint32(4);
  if (8 + length > buffer.byteLength) return null;
  const text = new TextDecoder().decode(new Uint8Array(buffer, 8, length));
  const about: JsonObject = objectOf(parseJson(text));
  const node = textOf(about.display_node_id) || textOf(about.node_id);
  const image = new Blob([buffer.slice(8 + length)], { type: textOf(about.image_type) });
  return node ? { node, prompt: textOf(about.prompt_id), image } : null;
}

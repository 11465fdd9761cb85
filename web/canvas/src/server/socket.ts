// The websocket: connects, says what it understands, and comes back by itself when it is lost.

import type { Message } from '../model/run';
import { socketUrl } from './http';
import { decodePreview, decodeText, type Preview } from './messages';

export interface SocketEvents {
  readonly opened: (again: boolean) => void;
  readonly lost: () => void;
  readonly message: (message: Message) => void;
  readonly preview: (preview: Preview) => void;
}

const FIRST_WAIT_MS = 300;
const LONGEST_WAIT_MS = 5000;

/** Keeps a connection for as long as the page lives; returns the way to end it. */
export function keepConnected(client: string, events: SocketEvents): () => void {
  let wait = FIRST_WAIT_MS;
  let again = false;
  let stopped = false;
  let socket: WebSocket | null = null;
  let timer = 0;

  function connect(): void {
    const mine = new WebSocket(socketUrl(client));
    socket = mine;
    mine.binaryType = 'arraybuffer';
    mine.onopen = () => {
      wait = FIRST_WAIT_MS;
      mine.send(
        JSON.stringify({ type: 'feature_flags', data: { supports_preview_metadata: true } }),
      );
      events.opened(again);
      again = true;
    };
    mine.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
      if (typeof data === 'string') {
        const message = decodeText(data);
        if (message) events.message(message);
      } else {
        const preview = decodePreview(data);
        if (preview) events.preview(preview);
      }
    };
    mine.onclose = () => {
      if (stopped || socket !== mine) return;
      events.lost();
      timer = window.setTimeout(connect, wait);
      wait = Math.min(LONGEST_WAIT_MS, wait * 1.6);
    };
  }

  connect();
  return () => {
    stopped = true;
    window.clearTimeout(timer);
    socket?.close();
  };
}

/** A random UUID, also where the page is not in a secure context. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/**
 * The id of this page. Not kept over reloads: a duplicated tab would take the same one along, and
 * the server lets only the newest connection of an id live.
 */
export const CLIENT_ID = newId();

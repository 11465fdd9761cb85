// The requests the canvas makes. Every answer is JSON read with exact whole numbers; a request that
// fails throws a ServerError with a sentence.

import { parseJson, writeJson } from '../formats/json';
import { isObject, type Json, type JsonObject, objectOf, textOf } from '../model/json';
import type { FileRef } from '../model/run';

export class ServerError extends Error {}

function url(path: string): URL {
  return new URL(`api/${path}`, document.baseURI);
}

async function request(path: string, init?: RequestInit): Promise<Response> {
  try {
    return await fetch(url(path), init);
  } catch {
    throw new ServerError('The server does not answer.');
  }
}

async function getJson(path: string): Promise<Json> {
  const response = await request(path);
  if (!response.ok) throw new ServerError(`The server answered ${response.status} to ${path}.`);
  return parseJson(await response.text());
}

async function post(path: string, body: unknown): Promise<Response> {
  return request(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: writeJson(body),
  });
}

export function getObjectInfo(): Promise<Json> {
  return getJson('object_info');
}

export async function getHistory(prompt: string): Promise<JsonObject | null> {
  const entry = objectOf(await getJson(`history/${encodeURIComponent(prompt)}`))[prompt];
  return isObject(entry) ? entry : null;
}

/** What became of each node of a prompt that has ended. */
export async function getExplanation(prompt: string): Promise<JsonObject> {
  return objectOf(await getJson(`explain/${encodeURIComponent(prompt)}`));
}

/** Ids of all prompts that wait or run. */
export async function getQueue(): Promise<Set<string>> {
  const queue = objectOf(await getJson('queue'));
  const items = [queue.queue_running, queue.queue_pending].flatMap((list) =>
    Array.isArray(list) ? (list as Json[]) : [],
  );
  return new Set(items.map((item) => (Array.isArray(item) ? String(item[1]) : '')));
}

export interface PromptBody {
  readonly prompt: unknown;
  readonly client_id: string;
  readonly extra_data: {
    readonly extra_pnginfo: { readonly workflow: JsonObject };
    readonly preview_method: 'auto';
  };
}

/** The id of the accepted prompt (null when refused) and the answer with its errors. */
export async function postPrompt(
  body: PromptBody,
): Promise<{ readonly id: string | null; readonly answer: JsonObject }> {
  const response = await post('prompt', body);
  const answer = await readAnswer(response);
  return { id: response.ok ? textOf(answer.prompt_id) || null : null, answer };
}

/** What running a prompt would do; an answer without a plan says why there is none. */
export async function postPlan(body: PromptBody): Promise<JsonObject> {
  return readAnswer(await post('plan', body));
}

async function readAnswer(response: Response): Promise<JsonObject> {
  try {
    return objectOf(parseJson(await response.text()));
  } catch {
    throw new ServerError(`The server answered ${response.status} without saying why.`);
  }
}

export async function postInterrupt(prompt: string | null): Promise<void> {
  await post('interrupt', prompt ? { prompt_id: prompt } : {});
}

export async function postQueueDelete(prompts: readonly string[]): Promise<void> {
  await post('queue', { delete: prompts });
}

export async function uploadImage(file: File): Promise<FileRef> {
  const form = new FormData();
  form.append('image', file, file.name);
  form.append('type', 'input');
  const response = await request('upload/image', { method: 'POST', body: form });
  if (!response.ok) {
    throw new ServerError(
      `${file.name} could not be uploaded: the server answered ${response.status}.`,
    );
  }
  const answer = objectOf(parseJson(await response.text()));
  return {
    filename: textOf(answer.name, file.name),
    subfolder: textOf(answer.subfolder),
    type: textOf(answer.type, 'input'),
  };
}

export function viewUrl(file: FileRef): string {
  const address = url('view');
  address.search = new URLSearchParams({ ...file }).toString();
  return address.toString();
}

export function socketUrl(client: string): string {
  const address = url('ws');
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
  address.searchParams.set('clientId', client);
  return address.toString();
}

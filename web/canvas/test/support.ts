// What the unit tests share: definitions like the server's, and the golden files.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseJson } from '../src/formats/json';
import { readObjectInfo } from '../src/formats/object-info';
import type { Catalogue } from '../src/model/definitions';
import type { Json, JsonObject } from '../src/model/json';

export const VECTORS = resolve(
  process.env.PATCHBAY_VECTORS ?? resolve(import.meta.dirname, '../../../tests/vectors'),
);
const CONVERT = resolve(VECTORS, 'workflow-convert');

export function vectorFiles(): string[] {
  if (!existsSync(CONVERT)) throw new Error(`The golden files are missing: ${CONVERT}`);
  return readdirSync(CONVERT).filter((name) => /^\d.*\.json$/.test(name));
}

export function vector(name: string): JsonObject {
  return parseJson(readFileSync(resolve(CONVERT, name), 'utf8')) as JsonObject;
}

export function vectorCatalogue(): Catalogue {
  return readObjectInfo(vector('node_defs.json'));
}

function definition(inputs: Record<string, Json>, outputs: string[], more: JsonObject = {}): Json {
  return {
    input: { required: inputs },
    input_order: { required: Object.keys(inputs) },
    output: outputs,
    output_name: outputs,
    output_is_list: outputs.map(() => false),
    ...more,
  };
}

const strength: Json = ['FLOAT', { default: 1, min: -100, max: 100, step: 0.01 }];
const side: Json = ['INT', { default: 512, min: 16, max: 16384, step: 8 }];

/** The nodes of the ready graph, with the inputs and defaults of the inventory. */
export const OBJECT_INFO: JsonObject = {
  CheckpointLoaderSimple: definition(
    { ckpt_name: [['a.safetensors', 'b.safetensors'], {}] },
    ['MODEL', 'CLIP', 'VAE'],
    { display_name: 'Load Checkpoint', category: 'loaders' },
  ),
  LoraLoader: definition(
    {
      model: ['MODEL', {}],
      clip: ['CLIP', {}],
      lora_name: [['one.safetensors', 'two.safetensors'], {}],
      strength_model: strength,
      strength_clip: strength,
    },
    ['MODEL', 'CLIP'],
    { display_name: 'Load LoRA', category: 'loaders' },
  ),
  CLIPTextEncode: definition(
    { text: ['STRING', { multiline: true, dynamicPrompts: true }], clip: ['CLIP', {}] },
    ['CONDITIONING'],
    { display_name: 'CLIP Text Encode (Prompt)', category: 'conditioning' },
  ),
  EmptyLatentImage: definition(
    { width: side, height: side, batch_size: ['INT', { default: 1, min: 1, max: 4096 }] },
    ['LATENT'],
    { display_name: 'Empty Latent Image', category: 'latent' },
  ),
  KSampler: definition(
    {
      model: ['MODEL', {}],
      seed: [
        'INT',
        { default: 0, min: 0, max: 18446744073709551615n, control_after_generate: true },
      ],
      steps: ['INT', { default: 20, min: 1, max: 10000 }],
      cfg: ['FLOAT', { default: 8, min: 0, max: 100, step: 0.1, round: 0.01 }],
      sampler_name: [['euler', 'heun'], {}],
      scheduler: [['normal', 'karras'], {}],
      positive: ['CONDITIONING', {}],
      negative: ['CONDITIONING', {}],
      latent_image: ['LATENT', {}],
      denoise: ['FLOAT', { default: 1, min: 0, max: 1, step: 0.01 }],
    },
    ['LATENT'],
    { display_name: 'KSampler', category: 'sampling' },
  ),
  VAEDecode: definition({ samples: ['LATENT', {}], vae: ['VAE', {}] }, ['IMAGE'], {
    display_name: 'VAE Decode',
    category: 'latent',
  }),
  SaveImage: definition(
    { images: ['IMAGE', {}], filename_prefix: ['STRING', { default: 'ComfyUI' }] },
    [],
    { display_name: 'Save Image', category: 'image', output_node: true },
  ),
  LoadImage: definition({ image: [['example.png'], { image_upload: true }] }, ['IMAGE', 'MASK'], {
    display_name: 'Load Image',
    category: 'image',
  }),
};

export const CATALOGUE: Catalogue = readObjectInfo(OBJECT_INFO);

// Errors in words for the person at the canvas: what was wrong, where, and what would fix it. The
// server's error types are turned into advice here; drawing them is the panels' work.

import type { NodeId } from './document';
import { isObject, type Json, type JsonObject, listOf, objectOf, textOf } from './json';

export interface Problem {
  readonly node: NodeId | null;
  readonly input: string | null;
  readonly message: string;
  readonly advice: string;
  /** Traceback or the server's own words, shown on demand. */
  readonly detail: string;
}

type Advise = (input: string, error: JsonObject) => { message: string; advice: string };

function received(error: JsonObject): string {
  const value = objectOf(error.extra_info).received_value;
  return value === undefined ? '' : typeof value === 'string' ? `'${value}'` : String(value);
}

const ADVICE: Readonly<Record<string, Advise>> = {
  required_input_missing: (input) => ({
    message: `“${input}” is not connected.`,
    advice: `Drag a cable of the same colour to it, or from it onto the empty canvas to add a node.`,
  }),
  value_not_in_list: (input, error) => ({
    message: `“${input}”: ${received(error) || 'the value'} is not on offer here.`,
    advice: 'Choose one from the list. A file that is missing goes into its models folder first.',
  }),
  value_smaller_than_min: (input, error) => ({
    message: `“${input}” is too small. ${textOf(error.message)}.`,
    advice: 'Raise the value.',
  }),
  value_bigger_than_max: (input, error) => ({
    message: `“${input}” is too large. ${textOf(error.message)}.`,
    advice: 'Lower the value.',
  }),
  return_type_mismatch: (input, error) => ({
    message: `“${input}” gets the wrong type. ${textOf(error.details)}`,
    advice: 'Connect an output of the same colour.',
  }),
  invalid_input_type: (input, error) => ({
    message: `“${input}”: ${received(error) || 'the value'} can't be read.`,
    advice: 'Type a value of the right kind.',
  }),
  dependency_cycle: (_input, error) => ({
    message: `The nodes form a circle: ${textOf(error.details)}`,
    advice: 'Remove one cable of the circle.',
  }),
};

function sentence(error: JsonObject): string {
  const message = textOf(error.message, 'The server refused this.');
  const details = textOf(error.details);
  return details && details !== message ? `${message}: ${details}` : message;
}

function nodeProblem(node: NodeId, error: JsonObject): Problem {
  const input = textOf(objectOf(error.extra_info).input_name) || null;
  const known = ADVICE[textOf(error.type)];
  const words = known
    ? known(input ?? textOf(error.details, 'An input'), error)
    : { message: sentence(error), advice: '' };
  return { node, input, ...words, detail: sentence(error) };
}

/** Problems of a refused (or partly refused) prompt: `error` and `node_errors` of POST /prompt. */
export function promptProblems(answer: Json): Problem[] {
  const body = objectOf(answer);
  const problems: Problem[] = [];
  for (const [node, entry] of Object.entries(objectOf(body.node_errors))) {
    for (const error of listOf(objectOf(entry).errors)) {
      problems.push(nodeProblem(node, objectOf(error)));
    }
  }
  const error = isObject(body.error) ? body.error : null;
  if (error && problems.length === 0) problems.push(generalProblem(error));
  return problems;
}

function generalProblem(error: JsonObject): Problem {
  const extra = objectOf(error.extra_info);
  const detail = sentence(error);
  const node = textOf(extra.node_id) || null;
  const base = { node, input: null, detail };
  switch (textOf(error.type)) {
    case 'prompt_no_outputs':
      return {
        ...base,
        message: 'Nothing in this graph makes a result.',
        advice: 'Add a node that saves or shows a picture, such as Save Image.',
      };
    case 'missing_node_type':
    case 'invalid_prompt':
      return {
        ...base,
        message: `This server has no node called ${textOf(extra.class_type) || 'like this'}.`,
        advice: 'Install the pack it comes from, replace it, or delete it.',
      };
    default:
      return { ...base, message: detail, advice: '' };
  }
}

/** The problem of a node that failed while running: the data of `execution_error`. */
export function executionProblem(data: JsonObject): Problem {
  const lines = listOf(data.traceback).map((line) => textOf(line));
  const message =
    textOf(data.exception_message).trim() || textOf(data.exception_type, 'It failed.');
  return {
    node: textOf(data.node_id) || null,
    input: null,
    message,
    advice: '',
    detail: [textOf(data.exception_type), ...lines].filter(Boolean).join('\n'),
  };
}

export function plainProblem(message: string, advice = '', node: NodeId | null = null): Problem {
  return { node, input: null, message, advice, detail: '' };
}

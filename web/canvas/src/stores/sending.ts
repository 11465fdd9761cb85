// The open document as a request to the server: what Run sends, and Check asks about.

import { toPrompt } from '../formats/prompt';
import { writeWorkflow } from '../formats/workflow-write';
import { t } from '../i18n';
import { type Problem, plainProblem } from '../model/problems';
import { drawForRun, type LastRun } from '../model/seeds';
import { inputKind } from '../model/shape';
import type { PromptBody } from '../server/http';
import { CLIENT_ID } from '../server/socket';
import { currentCatalogue } from './catalog';
import { currentDoc, identified } from './document';
import { type Drawn, usePlan } from './plan';

export interface Sending {
  readonly body: PromptBody;
  readonly drawn: Drawn;
  /** Why it cannot be sent. */
  readonly problems: readonly Problem[];
}

function draw(lastRun: LastRun): Drawn {
  const from = currentDoc();
  const { drawn } = usePlan.getState();
  return drawn?.from === from ? drawn : { from, ...drawForRun(from, currentCatalogue(), lastRun) };
}

export function prepare(lastRun: LastRun): Sending {
  const catalogue = currentCatalogue();
  const drawn = draw(lastRun);
  const { doc } = drawn;
  const { prompt, unsupported } = toPrompt(doc, catalogue);
  const workflow = writeWorkflow(identified(doc), (body, name) => inputKind(catalogue, body, name));
  return {
    body: {
      prompt,
      client_id: CLIENT_ID,
      extra_data: { extra_pnginfo: { workflow }, preview_method: 'auto' },
    },
    drawn,
    problems: unsupported.map((id) =>
      plainProblem(t('problem.subgraph'), t('problem.subgraph.advice'), id),
    ),
  };
}

// The answer to the last Check, for as long as its panel is open.

import { create } from 'zustand';
import type { Doc } from '../model/document';
import type { Plan } from '../model/plan';
import type { LastRun } from '../model/seeds';

/** A document with the seeds drawn for its next run. */
export interface Drawn {
  readonly from: Doc;
  readonly doc: Doc;
  readonly last: LastRun;
}

interface PlanStore {
  readonly state: 'closed' | 'asking' | 'answered';
  readonly plan: Plan | null;
  /** What was asked about. Run takes the same seeds, if the document is still the same. */
  readonly drawn: Drawn | null;
}

const CLOSED: PlanStore = { state: 'closed', plan: null, drawn: null };

export const usePlan = create<PlanStore>(() => CLOSED);

export function closePlan(): void {
  usePlan.setState(CLOSED);
}

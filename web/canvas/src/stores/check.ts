// Check: asks the server what Run would do now.

import { t } from '../i18n';
import { readPlan } from '../model/plan';
import { promptProblems } from '../model/problems';
import * as http from '../server/http';
import { closePlan, usePlan } from './plan';
import { showProblems, useRun } from './run';
import { prepare } from './sending';
import { toast, useUi } from './ui';

export async function check(): Promise<void> {
  const { connection, lastRun } = useRun.getState();
  if (connection !== 'open') return toast(t('run.offline'), 'error');
  const { body, drawn, problems } = prepare(lastRun);
  if (problems.length > 0) return showProblems(problems);
  useUi.setState({ problemsOpen: false });
  usePlan.setState({ state: 'asking', plan: null, drawn });
  try {
    const answer = await http.postPlan(body);
    const plan = readPlan(answer);
    if (usePlan.getState().state !== 'asking') return;
    if (plan) return usePlan.setState({ state: 'answered', plan });
    toast(promptProblems(answer)[0]?.message ?? t('check.refused'), 'error');
  } catch (error) {
    toast((error as Error).message, 'error');
  }
  closePlan();
}

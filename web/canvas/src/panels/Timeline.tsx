// The last run over time: a row for each node that ran, with its bar, time, memory and reason.

import { type ReactElement, useMemo } from 'react';
import { t } from '../i18n';
import { Icon } from '../icons';
import type { JobAccount, NodeAccount } from '../model/account';
import { bytesText, secondsText } from '../model/amounts';
import { type Timeline as Line, type TimelineRow, timelineOf } from '../model/timeline';
import { useAccount } from '../stores/account';
import { useUi } from '../stores/ui';
import { NodeLink } from './NodeLink';

function summary({ rows, more, cached, idle, seconds }: Line): string {
  const parts = [t('timeline.ran', { n: rows.length + more, time: secondsText(seconds) })];
  if (cached > 0) parts.push(t('timeline.cached', { n: cached }));
  if (idle > 0) parts.push(t('timeline.idle', { n: idle }));
  return parts.join(', ');
}

function Memory({ account }: { account: NodeAccount }): ReactElement | null {
  const { peak, bytes } = account;
  const shown = peak ?? bytes;
  if (shown === null) return null;
  const words = [
    peak !== null && t('timeline.memory.peak', { memory: bytesText(peak) }),
    bytes !== null && t('timeline.memory.results', { memory: bytesText(bytes) }),
  ];
  return (
    <span className={peak === null ? 'weak' : ''} title={words.filter(Boolean).join('\n')}>
      {bytesText(shown)}
    </span>
  );
}

function Row({ row }: { row: TimelineRow }): ReactElement {
  const { id, account, left, width, added } = row;
  const place = { left: `${left * 100}%`, width: `${width * 100}%` };
  return (
    <tr className={account.fate}>
      <th scope="row">{added ? account.title : <NodeLink node={id} />}</th>
      <td className="timeline-when">
        {account.start !== null && (
          <div className="timeline-bar" style={place}>
            <span className="sr-only">
              {t('timeline.after', { time: secondsText(account.start) })}
            </span>
          </div>
        )}
      </td>
      <td className="timeline-amount">
        {account.seconds === null ? t('node.error') : secondsText(account.seconds)}
      </td>
      <td className="timeline-amount">
        <Memory account={account} />
      </td>
      <td className="timeline-why" title={account.text}>
        {account.text}
      </td>
    </tr>
  );
}

function Rows({ account }: { account: JobAccount }): ReactElement {
  const line = useMemo(() => timelineOf(account), [account]);
  return (
    <>
      <p className="timeline-summary">{summary(line)}</p>
      <div className="timeline-rows">
        <table>
          <thead>
            <tr>
              <th scope="col">{t('timeline.node')}</th>
              <th scope="col">{t('timeline.when')}</th>
              <th scope="col">{t('timeline.took')}</th>
              <th scope="col">{t('timeline.memory')}</th>
              <th scope="col" className="timeline-why">
                {t('timeline.why')}
              </th>
            </tr>
          </thead>
          <tbody>
            {line.rows.map((row) => (
              <Row row={row} key={row.id} />
            ))}
          </tbody>
        </table>
        {line.more > 0 && <p>{t('timeline.more', { n: line.more })}</p>}
      </div>
    </>
  );
}

export function Timeline(): ReactElement | null {
  const open = useUi((state) => state.timelineOpen);
  const account = useAccount((state) => state.account);
  const latest = useAccount((state) => state.latest);
  if (!open) return null;
  return (
    <section className="timeline" aria-label={t('timeline')}>
      <header>
        <h2>{t('timeline')}</h2>
        {account && !latest && <span className="timeline-old">{t('timeline.old')}</span>}
        <button
          type="button"
          className="icon-button"
          aria-label={t('close')}
          onClick={() => useUi.setState({ timelineOpen: false })}
        >
          <Icon name="close" />
        </button>
      </header>
      {account ? (
        <Rows account={account} />
      ) : (
        <p className="timeline-empty">{t('timeline.empty')}</p>
      )}
    </section>
  );
}

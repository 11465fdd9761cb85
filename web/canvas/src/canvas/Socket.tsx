// A socket: the round handle on a node's edge that cables end in.

import { Handle, Position } from '@xyflow/react';
import { type CSSProperties, memo, type ReactElement } from 'react';
import { t } from '../i18n';
import { typeClass, typeColour } from '../model/colours';
import type { Point } from '../model/document';
import { HEADER } from '../model/geometry';
import { inputHandle, outputHandle } from './flow';

interface SocketProps {
  readonly side: 'input' | 'output';
  /** Name of the input. */
  readonly name: string;
  readonly index: number;
  readonly type: string;
  readonly at: Point;
  readonly linked: boolean;
  readonly optional: boolean;
  readonly list: boolean;
  readonly widget: boolean;
  readonly wrong: boolean;
}

function classes(props: SocketProps): string {
  const wild = props.type === '*' || props.type === '' || props.type === '0';
  const types = wild ? ['t-any'] : props.type.split(',').map((one) => typeClass(one.trim()));
  const marks = [
    props.linked && 'linked',
    props.optional && 'optional',
    props.list && 'list',
    props.widget && 'of-widget',
    wild && 'wild',
    props.wrong && 'wrong',
  ].filter(Boolean);
  return ['socket', props.side, ...types, ...marks].join(' ');
}

export const Socket = memo(function Socket(props: SocketProps): ReactElement {
  const { side, name, index, type, at } = props;
  const style: CSSProperties & Record<'--c', string> = {
    left: at[0],
    top: HEADER + at[1],
    '--c': typeColour(type),
  };
  return (
    <Handle
      id={side === 'input' ? inputHandle(name) : outputHandle(index)}
      type={side === 'input' ? 'target' : 'source'}
      position={side === 'input' ? Position.Left : Position.Right}
      className={classes(props)}
      style={style}
      role="button"
      title={`${name} · ${type}`}
      aria-label={t(side === 'input' ? 'socket.input' : 'socket.output', { name, type })}
    />
  );
});

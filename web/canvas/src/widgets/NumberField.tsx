// A number: drag to scrub, click to type (sums allowed), arrows to step. Strengths show a bar from zero.

import { type KeyboardEvent, type PointerEvent, type ReactElement, useRef, useState } from 'react';
import type { NumberSpec } from '../model/definitions';
import type { Json } from '../model/json';
import { barFromZero, formatNumber, readNumber, stepNumber } from '../model/numbers';
import type { FieldEdits } from './FieldView';

const PIXELS_PER_STEP = 4;
const THRESHOLD = 3;
/** The range of a strength bar whose definition is much wider: -100 to 100 would hide every value. */
const USUAL = 2;

interface NumberProps {
  readonly label: string;
  readonly value: Json;
  readonly spec: NumberSpec;
  readonly edits: FieldEdits;
  readonly tooltip: string;
  readonly disabled: boolean;
}

function fineness(event: { shiftKey: boolean; ctrlKey: boolean; metaKey: boolean }): number {
  if (event.shiftKey) return 0.1;
  return event.ctrlKey || event.metaKey ? 10 : 1;
}

/** Scrubbing by pointer capture; returns the handler that begins it. */
function useScrub(
  props: NumberProps,
  click: () => void,
): (event: PointerEvent<HTMLElement>) => void {
  const latest = useRef(props);
  latest.current = props;
  return (event) => {
    if (event.button !== 0 || props.disabled) return;
    const field = event.currentTarget;
    const start = latest.current.value;
    const startX = event.clientX;
    let scrubbing = false;
    let x = startX;
    let steps = 0;
    field.setPointerCapture(event.pointerId);
    field.onpointermove = (move) => {
      if (!scrubbing && Math.abs(move.clientX - startX) < THRESHOLD) return;
      scrubbing = true;
      steps += ((move.clientX - x) / PIXELS_PER_STEP) * fineness(move);
      x = move.clientX;
      const whole = latest.current.spec.whole || !move.shiftKey ? Math.trunc(steps) : steps;
      latest.current.edits.live(stepNumber(start, whole, latest.current.spec));
    };
    const end = (cancelled: boolean): void => {
      field.onpointermove = null;
      field.onpointerup = null;
      field.onpointercancel = null;
      if (cancelled) latest.current.edits.cancel();
      else if (scrubbing) latest.current.edits.settle();
      else if (event.altKey) latest.current.edits.set(latest.current.spec.default);
      else click();
    };
    field.onpointerup = () => end(false);
    field.onpointercancel = () => end(true);
  };
}

export function NumberField(props: NumberProps): ReactElement {
  const { label, value, spec, edits, tooltip, disabled } = props;
  const [typing, setTyping] = useState(false);
  const begin = useScrub(props, () => setTyping(true));
  const shown = formatNumber(value, spec);
  if (typing) {
    return <NumberInput {...props} text={shown} close={() => setTyping(false)} />;
  }
  const keys = (event: KeyboardEvent): void => {
    const direction = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    if (disabled) return;
    if (direction) edits.type(stepNumber(value, direction * fineness(event), spec));
    else if (event.key === 'Enter' || /^[-0-9.]$/.test(event.key)) setTyping(true);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div
      className={`number ${spec.slider ? 'bar' : ''}`}
      role="slider"
      tabIndex={disabled ? -1 : 0}
      aria-label={label}
      aria-valuemin={spec.min}
      aria-valuemax={spec.max}
      aria-valuenow={Number(value)}
      aria-valuetext={shown}
      aria-disabled={disabled}
      title={tooltip}
      onPointerDown={begin}
      onKeyDown={keys}
    >
      {spec.slider && <Bar value={Number(value)} spec={spec} />}
      <span className="field-label">{label}</span>
      <span className="field-value">{shown}</span>
    </div>
  );
}

function Bar({ value, spec }: { value: number; spec: NumberSpec }): ReactElement {
  const wide = spec.max - spec.min > 20;
  const [from, to] = barFromZero(
    Number.isFinite(value) ? value : 0,
    wide ? -USUAL : spec.min,
    wide ? USUAL : spec.max,
  );
  const style = { left: `${from * 100}%`, width: `${(to - from) * 100}%` };
  return <span className={`number-fill ${value < 0 ? 'negative' : ''}`} style={style} />;
}

interface InputProps extends NumberProps {
  readonly text: string;
  readonly close: () => void;
}

function NumberInput({ label, spec, edits, text, close }: InputProps): ReactElement {
  const done = useRef(false);
  const finish = (typed: string): void => {
    if (done.current) return;
    done.current = true;
    const value = readNumber(typed, spec);
    if (value !== null) edits.set(value);
    close();
  };
  return (
    <div className="number typing">
      <span className="field-label">{label}</span>
      <input
        aria-label={label}
        className="nodrag nopan nowheel"
        defaultValue={text}
        inputMode="decimal"
        // biome-ignore lint/a11y/noAutofocus: the field replaces the value that was clicked
        autoFocus
        onFocus={(event) => event.target.select()}
        onBlur={(event) => finish(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter') finish(event.currentTarget.value);
          if (event.key === 'Escape') {
            done.current = true;
            close();
          }
          // Ctrl+Enter goes on to the page: the value is in, and it runs.
          if (!event.ctrlKey && !event.metaKey) event.stopPropagation();
        }}
      />
    </div>
  );
}

// The inside of a node: labelled sockets, fields at their computed places, and the picture.

import { memo, type ReactElement } from 'react';
import { useShallow } from 'zustand/react/shallow';
import { subgraphName } from '../formats/prompt';
import { t } from '../i18n';
import type { NodeBody, NodeId } from '../model/document';
import { HEADER, type Layout, ROW } from '../model/geometry';
import { keptValues, type Shape } from '../model/shape';
import { useDocument } from '../stores/document';
import { useRun } from '../stores/run';
import { FieldView } from '../widgets/FieldView';
import { NodePicture } from './NodePicture';
import { Socket } from './Socket';

/** Names of the inputs that a problem of this node is about. */
function useWrongInputs(id: NodeId): readonly string[] {
  return useRun(
    useShallow((state) =>
      state.problems.flatMap(({ node, input }) => (node === id && input !== null ? [input] : [])),
    ),
  );
}

interface BodyProps {
  readonly id: NodeId;
  readonly body: NodeBody;
  readonly shape: Shape;
  readonly places: Layout;
  readonly linked: ReadonlySet<string>;
}

export const NodeBodyView = memo(function NodeBodyView(props: BodyProps): ReactElement {
  const { id, body, shape, places, linked } = props;
  const wrong = useWrongInputs(id);
  return (
    <>
      <Sockets
        shape={shape}
        places={places}
        linked={linked}
        wrong={wrong}
        collapsed={body.collapsed}
      />
      {places.fields.map((span, i) => {
        const field = shape.fields[i];
        if (!field) return null;
        return (
          <div
            key={field.def.name}
            className="field-place"
            style={{ top: HEADER + span.y, height: span.height }}
          >
            <FieldView id={id} field={field} linked={linked.has(field.def.name)} />
          </div>
        );
      })}
      {!body.collapsed && <NodePicture id={id} shape={shape} span={places.picture} />}
      {shape.def === null && !body.collapsed && <MissingNote body={body} shape={shape} />}
    </>
  );
});

interface SocketsProps {
  readonly shape: Shape;
  readonly places: Layout;
  readonly linked: ReadonlySet<string>;
  readonly wrong: readonly string[];
  readonly collapsed: boolean;
}

function Sockets({ shape, places, linked, wrong, collapsed }: SocketsProps): ReactElement {
  return (
    <>
      {shape.inputs.map((input, i) => (
        <Socket
          key={`in ${input.name}`}
          side="input"
          name={input.name}
          index={i}
          type={input.type}
          at={places.inputs.get(input.name) ?? [0, 0]}
          linked={linked.has(input.name)}
          optional={input.optional}
          list={false}
          widget={false}
          wrong={wrong.includes(input.name)}
        />
      ))}
      {shape.fields.map((field, i) => {
        const at = places.inputs.get(field.def.name);
        if (!at) return null;
        return (
          <Socket
            key={`field ${field.def.name}`}
            side="input"
            name={field.def.name}
            index={i}
            type={field.def.type}
            at={at}
            linked={linked.has(field.def.name)}
            optional={false}
            list={false}
            widget={true}
            wrong={wrong.includes(field.def.name)}
          />
        );
      })}
      {shape.outputs.map((output, i) => (
        <Socket
          // biome-ignore lint/suspicious/noArrayIndexKey: outputs are addressed by index, names repeat
          key={`out ${i}`}
          side="output"
          name={output.name}
          index={i}
          type={output.type}
          at={places.outputs[i] ?? [0, 0]}
          linked={linked.has(`>${i}`)}
          optional={false}
          list={output.list}
          widget={false}
          wrong={false}
        />
      ))}
      {!collapsed && <Labels shape={shape} />}
    </>
  );
}

function Labels({ shape }: { shape: Shape }): ReactElement {
  return (
    <>
      {shape.inputs.map((input, i) => (
        <span
          key={`in ${input.name}`}
          className="socket-label input"
          style={{ top: HEADER + 4 + ROW * i }}
          title={input.tooltip}
        >
          {input.label}
        </span>
      ))}
      {shape.outputs.map((output, i) => (
        <span
          // biome-ignore lint/suspicious/noArrayIndexKey: outputs are addressed by index, names repeat
          key={`out ${i}`}
          className="socket-label output"
          style={{ top: HEADER + 4 + ROW * i }}
          title={output.tooltip}
        >
          {output.label}
        </span>
      ))}
    </>
  );
}

function MissingNote({ body, shape }: { body: NodeBody; shape: Shape }): ReactElement {
  const rows = Math.max(shape.inputs.length, shape.outputs.length);
  const values = keptValues(body);
  const subgraph = useDocument(({ history }) => subgraphName(history.present, body.type));
  return (
    <p className="missing-note" style={{ top: HEADER + 6 + ROW * rows }}>
      {subgraph ? t('node.subgraph') : t('node.missing', { type: body.type })}
      {values > 0 && ` ${t('node.missing.values', { n: values })}`}
    </p>
  );
}

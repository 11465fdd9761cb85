// The picture area of a node: results, the input picture, or the latest preview while sampling. It
// never changes the node's size: without room the preview hangs below the node.

import { type ReactElement, useState } from 'react';
import { t } from '../i18n';
import { Icon } from '../icons';
import type { NodeId } from '../model/document';
import { HEADER, type Span } from '../model/geometry';
import type { FileRef } from '../model/run';
import { type Shape, uploadField } from '../model/shape';
import { viewUrl } from '../server/http';
import { useRun } from '../stores/run';

/** `name.png [output]` and `folder/name.png`, as combos of input files hold them. */
export function inputFile(value: string): FileRef | null {
  if (value === '') return null;
  const [, path = value, type = 'input'] = /^(.*?)(?: \[(input|output|temp)\])?$/.exec(value) ?? [];
  const cut = path.lastIndexOf('/');
  return { filename: path.slice(cut + 1), subfolder: cut < 0 ? '' : path.slice(0, cut), type };
}

function useSources(id: NodeId, shape: Shape): { urls: string[]; preview: boolean } {
  const preview = useRun((state) => state.previews.get(id));
  const files = useRun((state) => state.pictures.get(id));
  const running = useRun((state) => state.nodes.get(id)?.phase === 'running');
  if (preview && (running || !files)) return { urls: [preview], preview: true };
  if (files) return { urls: files.map(viewUrl), preview: false };
  const upload = uploadField(shape);
  const input = upload && typeof upload.value === 'string' ? inputFile(upload.value) : null;
  return { urls: input ? [viewUrl(input)] : [], preview: false };
}

interface PictureProps {
  readonly id: NodeId;
  readonly shape: Shape;
  readonly span: Span | null;
}

export function NodePicture({ id, shape, span }: PictureProps): ReactElement | null {
  const { urls, preview } = useSources(id, shape);
  if (!span) return preview && urls[0] ? <Hanging url={urls[0]} /> : null;
  const place = { top: HEADER + span.y, height: span.height };
  if (urls.length === 0) {
    return (
      <div className="node-picture empty" style={place}>
        <Icon name="picture" size={22} />
      </div>
    );
  }
  return (
    <div className={`node-picture ${preview ? 'preview' : ''}`} style={place}>
      <Pictures urls={urls} title={shape.title} preview={preview} key={preview ? 'p' : urls[0]} />
    </div>
  );
}

function Hanging({ url }: { url: string }): ReactElement {
  return (
    <div className="node-picture hanging">
      <img src={url} alt={t('picture.preview')} draggable={false} />
    </div>
  );
}

interface PicturesProps {
  readonly urls: readonly string[];
  readonly title: string;
  readonly preview: boolean;
}

function Pictures({ urls, title, preview }: PicturesProps): ReactElement {
  const [at, setAt] = useState(0);
  const [size, setSize] = useState('');
  const [broken, setBroken] = useState(false);
  const url = urls[Math.min(at, urls.length - 1)] ?? '';
  const alt = preview ? t('picture.preview') : t('picture.result', { title });
  if (broken) return <p className="picture-broken">{t('picture.gone')}</p>;
  return (
    <>
      <img
        src={url}
        alt={alt}
        draggable={false}
        onLoad={({ currentTarget: { naturalWidth, naturalHeight } }) =>
          setSize(`${naturalWidth} × ${naturalHeight}`)
        }
        onError={() => setBroken(true)}
      />
      {!preview && (
        <span className="picture-caption">
          {size}
          <a
            className="nodrag"
            href={url}
            target="_blank"
            rel="noopener"
            aria-label={t('picture.open')}
            title={t('picture.open')}
          >
            <Icon name="go" size={12} />
          </a>
        </span>
      )}
      {urls.length > 1 && (
        <span className="picture-pages">
          <button
            type="button"
            className="nodrag"
            aria-label={t('picture.next')}
            onClick={() => setAt((at + 1) % urls.length)}
          >
            {at + 1} / {urls.length}
          </button>
        </span>
      )}
    </>
  );
}

// Puts the canvas on the page.

import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './App';
import './base.css';
import './theme.css';
import './canvas/flow.css';
import './canvas/node.css';
import './canvas/fate.css';
import './canvas/search.css';
import './widgets/fields.css';
import './panels/panels.css';
import './panels/insight.css';

const root = document.getElementById('root');
if (!root) throw new Error('The page has no element #root.');
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);

// How the canvas is built: file names without hashes and no inline code, so that the bundle can be
// committed, compared byte by byte, and served under a strict content security policy.

import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  base: './',
  plugins: [react()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: false,
    chunkSizeWarningLimit: 900,
    rollupOptions: {
      output: {
        entryFileNames: 'app.js',
        chunkFileNames: '[name].js',
        assetFileNames: (asset) =>
          asset.names.some((name) => name.endsWith('.css')) ? 'app.css' : '[name][extname]',
      },
    },
  },
  server: { proxy: { '/api': { target: 'http://127.0.0.1:8188', ws: true } } },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});

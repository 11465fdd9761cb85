"""Developer tools. Nothing here is imported by Patchbay itself."""

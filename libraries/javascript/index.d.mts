// The same for `import`.
export * from './index.cjs'

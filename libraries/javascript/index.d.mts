// The same for `import`, where the whole of it is the default as well.
import dvicLog from './index.cjs'

export * from './index.cjs'
export default dvicLog

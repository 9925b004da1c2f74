import tseslint from "typescript-eslint"

export default tseslint.config(
  { ignores: ["node_modules/", "build.mjs", "eslint.config.mjs"] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      eqeqeq: "error",
      "no-restricted-properties": ["error",
        { property: "innerHTML", message: "what comes from outside is text" },
        { property: "outerHTML", message: "what comes from outside is text" },
        { property: "insertAdjacentHTML", message: "what comes from outside is text" }],
      "no-restricted-syntax": ["error", { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: "what comes from outside is text" }],
      // Reading a signal for its own sake is how a component subscribes to it.
      "@typescript-eslint/no-unused-expressions": "off",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      // Handlers of events may be async: what they throw is theirs to catch.
      "@typescript-eslint/no-misused-promises": ["error", { checksVoidReturn: { attributes: false } }],
      "@typescript-eslint/no-unnecessary-condition": ["error", { allowConstantLoopConditions: true }],
    },
  },
  // Imports go one way: a page takes from ui and core, ui from core, all of them from embed, which stands alone: it also goes to
  // pages of others.
  { files: ["src/embed/**"], rules: { "no-restricted-imports": ["error", { patterns: ["**/core/**", "**/ui/**", "**/pages/**", "preact*", "@preact/*"] }] } },
  { files: ["src/core/**"], rules: { "no-restricted-imports": ["error", { patterns: ["**/ui/**", "**/pages/**"] }] } },
  { files: ["src/ui/**"], rules: { "no-restricted-imports": ["error", { patterns: ["**/pages/**"] }] } },
  // node:test runs what is handed to test(); nobody awaits it.
  { files: ["test/**"], rules: { "@typescript-eslint/no-floating-promises": "off" } },
)

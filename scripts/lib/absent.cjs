// Stands for a module that is never needed on the Node that the bundles ask for (scripts/build.mjs, `alias`).
module.exports = {};

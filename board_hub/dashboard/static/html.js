// One place for what every other file draws with.
import { h, render, Fragment } from "./vendor/preact.mjs";
import * as hooks from "./vendor/preact-hooks.mjs";
import htm from "./vendor/htm.mjs";

export const html = htm.bind(h);
export { render, Fragment };
export const { useState, useEffect, useLayoutEffect, useRef, useMemo, useCallback } = hooks;

/** Runs in Chromium: draws a built WeChat component with WeChat's own component engine, over a scripted `wx`. */

import { MiniProgramEnv } from "glass-easel-miniprogram-adapter";

import { makeWxStub, Script } from "../support/platforms";

/** One built component, its template compiled. */
export interface Built {
  script: string;
  template: string;
  json: Record<string, unknown>;
}

/** What a test gives to a page. */
export interface Given {
  name: string;
  shared: string;
  components: Record<string, Built>;
  properties: Record<string, unknown>;
  answer: unknown;
  payment: unknown;
  scale: number;
}

type Caller = Record<string, (event: object) => void> & {
  setData(data: object, done?: () => void): void;
  selectComponent(selector: string): Caller | null;
};
interface Drawn {
  script: Script;
  sets: string[];
  /** Calls a method as a tap on something with this dataset would; `inside` a component that matches, if told. */
  call(method: string, dataset?: Record<string, string>, inside?: string): void;
}

declare global {
  interface Window {
    draw(given: Given): void;
    drawn: Drawn;
  }
}

window.draw = (given) => {
  const script = new Script();
  script.get = () => ({ status: 200, body: given.answer });
  script.post = () => ({ status: 201, body: given.payment });
  script.session = () => ({ status: 503 });
  const base = { language: "zh_CN", version: "8.0.60", fontSizeScaleFactor: given.scale };
  const wx = { ...makeWxStub(script), getAppBaseInfo: () => base };
  const space = new MiniProgramEnv().createCodeSpace("", true);
  const sets: string[] = [];
  for (const [name, built] of Object.entries(given.components)) {
    const path = `${name}/index`;
    const { componentPlaceholder: _, ...json } = built.json; // no code is injected late here
    space.addComponentStaticConfig(path, { ...json, styleIsolation: "shared" } as never);
    const groupList = new Function(`return ${built.template}`)() as Record<string, never>;
    space.addCompiledTemplate(path, { groupList, content: groupList[""] } as never);
    space.componentEnv(path, ({ Component }) => {
      const load = (text: string, require: (from: string) => unknown): unknown => {
        const module = { exports: {} };
        new Function("require", "module", "wx", "Component", text)(require, module, wx, (definition: never) => Component(definition));
        return module.exports;
      };
      load(built.script, () => load(given.shared, () => ({})));
    });
  }
  const env = (space as unknown as { _$env: MiniProgramEnv })._$env;
  const root = env.associateBackend().createRoot("body", space, `${given.name}/index`);
  const caller = root.get() as unknown as Caller;
  const { setData } = caller;
  caller.setData = function (data, done) {
    sets.push(JSON.stringify(data));
    setData.call(caller, data, done);
  };
  caller.setData(given.properties);
  sets.length = 0; // the page's own properties
  const place = document.getElementById("place") as HTMLElement;
  root.attach(place.parentElement as never, place as never);
  const call = (method: string, dataset = {}, inside?: string) => {
    const target = inside ? caller.selectComponent(inside) : caller;
    if (!target?.[method]) throw new Error(`no ${method} in ${inside ?? "the component"}`);
    target[method].call(target, { currentTarget: { dataset }, detail: {} });
  };
  window.drawn = { script, sets, call };
};

// A prebuilt extension of JupyterLab, as a module federation container written by hand, so that no
// build step is needed: a launcher card and a command that open a notebook with a search's cells.
(() => {
  const COMMAND = "nas_nb:new-search";
  const LABEL = "New architecture search";
  const ICON =
    "data:image/svg+xml," +
    encodeURIComponent(
      `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#0072B2" stroke-width="2">
         <path d="M12 7v3M12 10H6v4M12 10h6v4"/><circle cx="12" cy="4.5" r="2.5" fill="#56B4E9"/>
         <rect x="3" y="14" width="6" height="6" rx="1"/><rect x="15" y="14" width="6" height="6" rx="1" fill="#D55E00"/>
       </svg>`
    );
  const CELLS = [
    "%load_ext nas_nb\nimport nas_nb as nas",
    "data = nas.load(\"digits\")  # or nas.Data.from_arrays(x, y), nas.Data.from_frame(table, \"column\")",
    "space = {\n    \"layers\": [\"Conv2D\", \"Dense\"],\n    \"units\": [16, 32, 64],\n    \"activations\": [\"relu\", \"tanh\"],\n}",
    "search = nas.Search(space, data, max_trials=30, max_time=\"2 min\")\nsearch"
  ];

  function content(kernel) {
    const cell = source => ({ cell_type: "code", source, metadata: {}, outputs: [], execution_count: null });
    const kernelspec = { name: kernel, display_name: kernel, language: "python" };
    return { cells: CELLS.map(cell), metadata: { kernelspec }, nbformat: 4, nbformat_minor: 4 };
  }

  async function open(app, folder) {
    const { contents, kernelspecs } = app.serviceManager;
    await kernelspecs.ready;
    const file = await contents.newUntitled({ path: folder, type: "notebook" });
    const kernel = kernelspecs.specs?.default ?? "python3";
    await contents.save(file.path, { type: "notebook", format: "json", content: content(kernel) });
    return app.commands.execute("docmanager:open", { path: file.path, factory: "Notebook" });
  }

  let shared = {};
  async function token(library, name) {
    const versions = Object.values(shared[library] ?? {});
    return versions.length ? (await versions[0].get())()[name] : null;
  }

  async function plugin() {
    const launcher = await token("@jupyterlab/launcher", "ILauncher");
    const palette = await token("@jupyterlab/apputils", "ICommandPalette");
    const wanted = [launcher, palette].filter(Boolean);
    const activate = (app, ...given) => {
      const services = new Map(wanted.map((each, place) => [each, given[place]]));
      const execute = args => open(app, args.cwd ?? "");
      const caption = "Open a notebook with the cells of a neural architecture search";
      app.commands.addCommand(COMMAND, { label: LABEL, caption, execute });
      services.get(palette)?.addItem({ command: COMMAND, category: "Notebook Operations" });
      services.get(launcher)?.add({ command: COMMAND, category: "Notebook", rank: 50, kernelIconUrl: ICON });
    };
    return { id: "nas_nb:launcher", autoStart: true, optional: wanted, activate };
  }

  (window._JUPYTERLAB ??= {}).nas_nb = {
    init: scope => { shared = scope; },
    get: async () => {
      const made = await plugin();
      return () => ({ __esModule: true, default: made });
    }
  };
})();

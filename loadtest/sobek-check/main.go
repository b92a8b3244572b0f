// Loads script bundles in Sobek, the JavaScript engine of k6, with stubs in place of k6's modules, and runs what they
// export as "selfCheck". So a script that uses what the engine does not have fails here, without k6.
//
//	sobek-check STUBS.js BUNDLE.js...
//
// Exit code 0 when every bundle loaded, 1 otherwise.
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/grafana/sobek"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: sobek-check STUBS.js BUNDLE.js...")
		os.Exit(2)
	}
	stubs, err := os.ReadFile(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	failed := false
	for _, path := range os.Args[2:] {
		if err := check(string(stubs), path); err != nil {
			failed = true
			fmt.Printf("FAIL %s: %s\n", path, err)
			continue
		}
		fmt.Printf("ok   %s\n", path)
	}
	if failed {
		os.Exit(1)
	}
}

// check evaluates one bundle, an ECMAScript module whose imports are all served by the stubs.
func check(stubs, path string) error {
	source, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	modules := map[string]sobek.ModuleRecord{}
	var resolve sobek.HostResolveImportedModuleFunc
	resolve = func(_ any, specifier string) (sobek.ModuleRecord, error) {
		if module, known := modules[specifier]; known {
			return module, nil
		}
		if specifier != "k6" && !strings.HasPrefix(specifier, "k6/") {
			return nil, fmt.Errorf("the bundle imports %q, which k6 does not have", specifier)
		}
		module, err := sobek.ParseModule(specifier, stubs, resolve)
		if err != nil {
			return nil, err
		}
		modules[specifier] = module
		return module, nil
	}

	module, err := sobek.ParseModule(path, string(source), resolve)
	if err != nil {
		return err
	}
	if err := module.Link(); err != nil {
		return err
	}
	runtime := sobek.New()
	if err := prepare(runtime); err != nil {
		return err
	}
	if err := settle(module.Evaluate(runtime)); err != nil {
		return err
	}
	return selfCheck(runtime, module)
}

// prepare gives the runtime the globals that k6 itself adds to those of the language.
func prepare(runtime *sobek.Runtime) error {
	silent := func(sobek.FunctionCall) sobek.Value { return sobek.Undefined() }
	console := runtime.NewObject()
	for _, name := range []string{"log", "info", "warn", "error", "debug"} {
		if err := console.Set(name, silent); err != nil {
			return err
		}
	}
	if err := runtime.Set("console", console); err != nil {
		return err
	}
	if err := runtime.Set("__VU", 0); err != nil {
		return err
	}
	return runtime.Set("__ENV", map[string]string{})
}

// selfCheck calls what the bundle exports under that name, if anything.
func selfCheck(runtime *sobek.Runtime, module sobek.ModuleRecord) error {
	call, isFunction := sobek.AssertFunction(runtime.NamespaceObjectFor(module).Get("selfCheck"))
	if !isFunction {
		return nil
	}
	result, err := call(sobek.Undefined())
	if err != nil {
		return err
	}
	if promise, isPromise := result.Export().(*sobek.Promise); isPromise {
		return settle(promise)
	}
	return nil
}

func settle(promise *sobek.Promise) error {
	switch promise.State() {
	case sobek.PromiseStateFulfilled:
		return nil
	case sobek.PromiseStateRejected:
		return fmt.Errorf("%s", promise.Result())
	default:
		return fmt.Errorf("a promise was not settled")
	}
}

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slowtoken/slowtoken/inference/ollama"
)

func modelCommand(a *app) *cobra.Command {
	cmd := section(&cobra.Command{
		Use:     "model",
		Short:   "Make models of random weights, and count tokens",
		GroupID: groupCare,
	})
	cmd.AddCommand(modelMakeCommand(a), modelTokensCommand(a))
	return cmd
}

func modelMakeCommand(a *app) *cobra.Command {
	var size, out string
	var seed uint64
	var force bool
	cmd := &cobra.Command{
		Use:   "make",
		Short: "Write a model of random weights for Ollama",
		Long: `Write a GGUF file of random 16-bit weights in llama's architecture, with a vocabulary of slowtoken's own, and a Modelfile
beside it. Its answers are syllables without sense, but it computes as much as a real model of its size, so its times are
real. The same size and seed give the same bytes.

Sizes: ` + strings.Join(shapeNames(), ", ") + ` parameters, of 2 bytes each. Written into the cache ($XDG_CACHE_HOME/slowtoken) unless --out says
otherwise; a file that is there already is kept.`,
		Example: `  slowtoken model make --size 40M --out random.gguf
  ollama create random -f random.Modelfile`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runModelMake(size, out, seed, force) },
	}
	f := cmd.Flags()
	f.StringVar(&size, "size", "40M", "`SIZE` of the model: "+strings.Join(shapeNames(), ", "))
	f.StringVar(&out, "out", "", "`FILE` to write, ending in .gguf")
	f.Uint64Var(&seed, "seed", 1, "`NUMBER` that the weights are drawn from")
	f.BoolVar(&force, "force", false, "write the file even if it is there")
	return cmd
}

func shapeNames() (list []string) {
	for _, s := range ollama.Shapes {
		list = append(list, s.Name)
	}
	return list
}

func (a *app) runModelMake(size, out string, seed uint64, force bool) error {
	var shape *ollama.Shape
	for i := range ollama.Shapes {
		if strings.EqualFold(ollama.Shapes[i].Name, size) {
			shape = &ollama.Shapes[i]
		}
	}
	if shape == nil {
		return usageError("model make: there is no size %q: want %s", size, strings.Join(shapeNames(), ", "))
	}
	if out == "" {
		cache, err := a.cacheDir()
		if err != nil {
			return withHint(fmt.Errorf("model make: %w", err), "name the file: --out FILE.gguf")
		}
		out = filepath.Join(cache, "slowtoken", fmt.Sprintf("random-%s-%d.gguf", shape.Name, seed))
		if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
			return fmt.Errorf("model make: %w", err)
		}
	}
	if !strings.HasSuffix(out, ".gguf") {
		return usageError("model make: --out %s does not end in .gguf", out)
	}
	if _, err := os.Stat(out); err == nil && !force {
		a.note("%s is there already; --force writes it again", out)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("model make: %w", err)
	} else if err := ollama.WriteModel(out, *shape, seed); err != nil {
		return fmt.Errorf("model make: %w", err)
	}
	path, err := filepath.Abs(out)
	if err != nil {
		return fmt.Errorf("model make: %w", err)
	}
	modelfile := strings.TrimSuffix(out, ".gguf") + ".Modelfile"
	if err := os.WriteFile(modelfile, []byte(modelfileOf(path)), 0o644); err != nil {
		return fmt.Errorf("model make: %w", err)
	}
	fmt.Fprintln(a.stdout, out)
	a.note("%d parameters; ollama create random -f %s makes it known to Ollama", shape.Parameters(), modelfile)
	return nil
}

// modelfileOf describes the model in a file to Ollama. One thread leaves the other processors to whoever asks: with all of
// them busy, threads that wait for each other make an answer many times slower.
func modelfileOf(path string) string {
	return fmt.Sprintf("FROM %s\nTEMPLATE {{ .Prompt }}\nPARAMETER num_thread 1\nPARAMETER temperature 1\n", path)
}

func modelTokensCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "tokens FILE TEXT",
		Short:   "Count the tokens of a text with a model's own vocabulary",
		Long:    "Count the tokens of a text with the vocabulary of a GGUF file, without those that a chat template adds. Models with byte pair encoding only.",
		Example: `  slowtoken model tokens random.gguf "Why are my tokens slow?"`,
		Args:    cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			tokenizer, err := ollama.TokenizerOfFile(args[0])
			if err != nil {
				return fmt.Errorf("model tokens: %w", err)
			}
			n, err := tokenizer.Count(args[1])
			if err != nil {
				return fmt.Errorf("model tokens: %w", err)
			}
			fmt.Fprintln(a.stdout, n)
			return nil
		},
	}
}

// cacheDir is the user's folder for what can be made again: $XDG_CACHE_HOME, else ~/.cache, where .ci/ollama/build puts
// servers too.
func (a *app) cacheDir() (string, error) {
	if dir := a.getenv("XDG_CACHE_HOME"); dir != "" {
		return dir, nil
	}
	if home := a.getenv("HOME"); home != "" {
		return filepath.Join(home, ".cache"), nil
	}
	return "", errors.New("neither $XDG_CACHE_HOME nor $HOME is set")
}

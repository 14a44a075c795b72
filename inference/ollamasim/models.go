package ollamasim

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/ollama/ollama/api"
	"github.com/ollama/ollama/types/model"
)

func (s *Server) details() api.ModelDetails {
	return api.ModelDetails{
		Format: "gguf", Family: "llama", Families: []string{"llama"},
		ParameterSize: fmt.Sprintf("%.1fB", s.config.Model.Params/1e9), QuantizationLevel: "F16",
	}
}

func (s *Server) name() string { return s.options.Model + ":latest" }

// digest is that of the name: there is no file.
func (s *Server) digest() string {
	sum := sha256.Sum256([]byte(s.name()))
	return hex.EncodeToString(sum[:])
}

func (s *Server) size() int64 { return int64(s.config.Model.Weights()) }

func (s *Server) tags(w http.ResponseWriter, _ *http.Request) {
	reply(w, api.ListResponse{Models: []api.ListModelResponse{{
		Name: s.name(), Model: s.name(), ModifiedAt: s.runner.begun, Size: s.size(), Digest: s.digest(), Details: s.details(),
	}}})
}

func (s *Server) ps(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	loaded, till := s.resident() && time.Now().After(s.loadDone), s.loadedTill
	s.mu.Unlock()
	list := api.ProcessResponse{Models: []api.ProcessModelResponse{}}
	if loaded {
		list.Models = append(list.Models, api.ProcessModelResponse{
			Name: s.name(), Model: s.name(), Size: s.size(), Digest: s.digest(), Details: s.details(), ExpiresAt: till,
			SizeVRAM: s.size(), ContextLength: contextLength,
		})
	}
	reply(w, list)
}

const contextLength = 131_072

func (s *Server) show(w http.ResponseWriter, r *http.Request) {
	var q api.ShowRequest
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	if strings.TrimSuffix(q.Model, ":latest") != s.options.Model {
		refuse(w, http.StatusNotFound, "model '"+q.Model+"' not found")
		return
	}
	m := s.config.Model
	reply(w, api.ShowResponse{
		Template: "{{ .Prompt }}", Details: s.details(), ModifiedAt: s.runner.begun,
		Capabilities: []model.Capability{model.CapabilityCompletion},
		ModelInfo: map[string]any{
			"general.architecture": "llama", "general.basename": m.Name, "general.parameter_count": int64(m.Params),
			"llama.block_count": m.Layers, "llama.embedding_length": m.Hidden, "llama.context_length": contextLength,
			"llama.attention.head_count": m.Hidden / m.HeadSize, "llama.attention.head_count_kv": m.KVHeads,
			"llama.attention.key_length": m.HeadSize,
		},
	})
}

// What Ollama's llama.cpp needs of miniaudio, which its Go module leaves out, to compile without audio input: opening a
// sound fails as if its format were unknown.
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef uint32_t ma_uint32;
typedef uint64_t ma_uint64;
typedef enum { MA_SUCCESS = 0, MA_INVALID_FILE = -10 } ma_result;
typedef enum { ma_format_f32 = 5 } ma_format;
typedef struct { ma_format format; ma_uint32 channels, sampleRate; } ma_decoder_config;
typedef struct { ma_decoder_config config; } ma_decoder;

static inline ma_decoder_config ma_decoder_config_init(ma_format format, ma_uint32 channels, ma_uint32 sampleRate) {
	ma_decoder_config config = {format, channels, sampleRate};
	return config;
}
static inline ma_result ma_decoder_init_memory(const void *, size_t, const ma_decoder_config *, ma_decoder *) { return MA_INVALID_FILE; }
static inline ma_result ma_decoder_get_length_in_pcm_frames(ma_decoder *, ma_uint64 *frames) { *frames = 0; return MA_INVALID_FILE; }
static inline ma_result ma_decoder_read_pcm_frames(ma_decoder *, void *, ma_uint64, ma_uint64 *read) { *read = 0; return MA_INVALID_FILE; }
static inline ma_result ma_decoder_uninit(ma_decoder *) { return MA_SUCCESS; }

#pragma once
// Stream-ordered device memory. A freed block can be reused at once: all work on a device is issued to one stream, so earlier users of the
// block finish first.
//
// Freed blocks are kept by capacity (multiples of 512 bytes); a request takes the smallest that fits and is at most an eighth too large.
// In the emulator, and with MODE_POOL=off, nothing is kept: each tensor is an allocation of its exact size, so that the emulator's and
// compute-sanitizer's bounds are the tensor's own. The work of a graph is outside the stream's order: see begin_capture.

#include <cstdint>

namespace tensor::cuda {

/// Whether freed blocks are kept: MODE_POOL=on|off, by default on for a device, off in the emulator.
bool pool_keeps_blocks();
/// Overrides MODE_POOL (tests); blocks that are already kept stay until release_cached().
void set_pool_keeps_blocks(bool on);

/// Until end_capture() every block that is allocated or freed on the device belongs to the graph with the returned number. Its replays write
/// these blocks again, so they are not reused before release_captured(). A block that the capture allocated and freed is reused within the
/// capture, in the graph's own order; an older block is not, because the next replay reads it again. Blocks of a graph count as held by
/// tensors.
uint64_t begin_capture(int index);
void end_capture(int index);
bool is_capturing(int index);
/// Releases the graph's blocks after its last replay was issued. Blocks that tensors still hold stay with the tensors.
void release_captured(int index, uint64_t graph) noexcept;

}  // namespace tensor::cuda

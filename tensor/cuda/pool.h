#pragma once
// Device memory in the order of the stream: a freed block may be handed out again at once, because all work on a device stands in one
// stream, and what used the block before was issued before.
//
// Freed blocks are kept by capacity (multiples of 512 bytes); a request takes the smallest that fits and is at most an eighth too large.
// In the emulator, and with MODE_POOL=off, nothing is kept: each tensor is an allocation of its exact size, so that the emulator's and
// compute-sanitizer's bounds are the tensor's own. Work of a graph that is captured stands outside the stream's order: see begin_capture.

#include <cstdint>

namespace tensor::cuda {

/// Whether freed blocks are kept. MODE_POOL=on|off; without it yes on a device, no in the emulator.
bool pool_keeps_blocks();
/// The same for a program that decides it itself (tests); blocks that are kept already stay until release_cached().
void set_pool_keeps_blocks(bool on);

/// From here to end_capture() every block that is allocated or freed on the device belongs to the graph that is named by the result: its
/// replays write those blocks again, so nobody else gets them before release_captured(). A block that the capture allocated and freed is
/// handed out again within the capture, in the graph's own order; one from before it is not, because the next replay reads it again.
/// Blocks of a graph count as held by tensors.
uint64_t begin_capture(int index);
void end_capture(int index);
bool is_capturing(int index);
/// The graph is gone, and its last replay has ended or stands in the stream. Blocks that tensors still hold are the tensors' alone now.
void release_captured(int index, uint64_t graph) noexcept;

}  // namespace tensor::cuda

#include "mode/version.h"

#include <fmt/format.h>

#include "mode/commit.h"  // generated: tools/cmake/commit.cmake
#include "tensor/cuda/cuda.h"
#include "tensor/isa.h"
#include "tensor/parallel.h"

namespace mode {

std::string_view version() { return MODE_VERSION; }
std::string_view commit() { return MODE_COMMIT; }

std::string device_name(tensor::Device device) { return device.is_cpu() ? "cpu" : tensor::cuda::description(device.index); }

std::string machine_line(tensor::Device device) {
  const std::string cuda = device.is_cpu() ? "" : fmt::format("{} ({}), ", device.to_string(), device_name(device));
  const int threads = tensor::num_threads();
  return fmt::format("{}{}, {} thread{}, commit {}", cuda, tensor::name(tensor::isa()), threads, threads == 1 ? "" : "s", commit());
}

}  // namespace mode

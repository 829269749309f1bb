// The devices that kernels can run on, the reason where one cannot be used, and the stream of each.

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>

#include "tensor/check.h"
#include "tensor/cuda/cuda.h"
#include "tensor/cuda/launch.h"

namespace tensor::cuda {
namespace {

// The oldest device that the kernels are compiled for (CMakeLists.txt): bf16 tensor cores and cp.async begin with it.
constexpr int oldest_major = 8, oldest_minor = 0;

constexpr size_t most_devices = 64;
constinit std::array<std::atomic<cudaStream_t>, most_devices> streams = {};
constinit std::mutex streams_mutex;

std::string version_text(int version) { return fmt::format("{}.{}", version / 1000, version % 1000 / 10); }

/// Clears the error of a call that may fail, so that the check of the next launch does not report it.
cudaError_t forgotten(cudaError_t status) {
  if (status != cudaSuccess) cudaGetLastError();
  return status;
}

std::string no_devices_because(cudaError_t status) {
  int driver = 0, runtime = 0;
  forgotten(cudaDriverGetVersion(&driver));
  forgotten(cudaRuntimeGetVersion(&runtime));
  switch (status) {
    case cudaErrorInsufficientDriver:
      if (driver == 0) return "no NVIDIA driver is installed; install one, or use the cpu";
      return fmt::format("the NVIDIA driver is for CUDA {}, this program needs one for CUDA {} or later; update the driver, or use the cpu",
                         version_text(driver), version_text(runtime));
    case cudaErrorNoDevice:
      return "the NVIDIA driver shows no device; see nvidia-smi, unset CUDA_VISIBLE_DEVICES, or use the cpu";
    default:
      return fmt::format("CUDA cannot be used ({}: {}); see whether nvidia-smi works, or use the cpu", cudaGetErrorName(status),
                         cudaGetErrorString(status));
  }
}

}  // namespace

int device_count() {
  int count = 0;
  return forgotten(cudaGetDeviceCount(&count)) == cudaSuccess ? count : 0;
}

std::string unavailable_because(int index) {
  int count = 0;
  const cudaError_t status = forgotten(cudaGetDeviceCount(&count));
  if (status != cudaSuccess || count == 0)
    return fmt::format("cuda:{}: {}", index, no_devices_because(status == cudaSuccess ? cudaErrorNoDevice : status));
  count = std::min(count, static_cast<int>(most_devices));
  if (index < 0 || index >= count)
    return count == 1 ? fmt::format("cuda:{}: this machine has one device; use cuda:0", index)
                      : fmt::format("cuda:{}: this machine has {} devices; use cuda:0 to cuda:{}", index, count, count - 1);
  int major = 0, minor = 0;
  forgotten(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, index));
  forgotten(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, index));
  if (major > oldest_major || (major == oldest_major && minor >= oldest_minor)) return "";
  return fmt::format("cuda:{}: the device is too old: compute capability {}.{}, the kernels need {}.{} or later; use the cpu", index, major,
                     minor, oldest_major, oldest_minor);
}

void check_available(int index) {
  const std::string reason = unavailable_because(index);
  if (!reason.empty()) throw Error(reason);
}

std::string description(int index) {
  check_available(index);
  cudaDeviceProp properties = {};
  CUDA_CHECK(cudaGetDeviceProperties(&properties, index));
  return fmt::format("{}, sm_{}{}, {:.1f} GiB", properties.name, properties.major, properties.minor,
                     static_cast<double>(properties.totalGlobalMem) / (1 << 30));
}

std::string build_description() {
#ifdef MODE_CUDA_EMULATED
  return "emulated";
#else
  return version_text(CUDART_VERSION);
#endif
}

cudaStream_t stream_of(Device device) {
  CHECK(!device.is_cpu(), "stream_of: the cpu has no stream; pass a CUDA device");
  CHECK(device.index >= 0 && device.index < static_cast<int>(most_devices), "stream_of: {} does not exist; use cuda:0 to cuda:63",
        device.to_string());
  std::atomic<cudaStream_t>& slot = streams[device.index];
  cudaStream_t stream = slot.load(std::memory_order_acquire);
  if (stream != nullptr) {
    CUDA_CHECK(cudaSetDevice(device.index));
    return stream;
  }
  const std::lock_guard lock(streams_mutex);
  stream = slot.load(std::memory_order_acquire);
  if (stream == nullptr) {
    check_available(device.index);
    CUDA_CHECK(cudaSetDevice(device.index));
    CUDA_CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    slot.store(stream, std::memory_order_release);
  }
  return stream;
}

}  // namespace tensor::cuda

// The emulated device's properties, its error codes and its initial settings.

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "tensor/emulator/cuda_api.h"
#include "tensor/emulator/emulator.h"

namespace tensor::emulator {
namespace {

constinit thread_local cudaError_t last_error = cudaSuccess;
constinit thread_local int current_device = 0;

Settings settings_from_environment() {
  Settings s;
  const auto text = [](const char* name) { return std::string_view(std::getenv(name) != nullptr ? std::getenv(name) : ""); };
  if (!text("MODE_EMULATOR_SEED").empty()) s.seed = std::strtoull(std::getenv("MODE_EMULATOR_SEED"), nullptr, 10);
  if (text("MODE_EMULATOR_LANDING") == "early") s.landing = Landing::early;
  if (text("MODE_EMULATOR_STREAMS") == "lazy") s.lazy_streams = true;
  if (!text("MODE_EMULATOR_TIMEOUT").empty()) s.timeout_seconds = std::atof(std::getenv("MODE_EMULATOR_TIMEOUT"));
  return s;
}

}  // namespace

Settings& settings() {
  static Settings* instance = new Settings(settings_from_environment());
  return *instance;
}

bool finds_races() {
#ifdef EMULATOR_RACES
  return true;
#else
  return false;
#endif
}

cudaError_t note(cudaError_t error) {
  if (error != cudaSuccess) last_error = error;
  return error;
}

namespace {
cudaError_t check_device(int device) { return device >= 0 && device < settings().devices ? cudaSuccess : note(cudaErrorInvalidDevice); }
}  // namespace

}  // namespace tensor::emulator

using namespace tensor::emulator;

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "cudaSuccess";
    case cudaErrorInvalidValue:
      return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    case cudaErrorInsufficientDriver:
      return "cudaErrorInsufficientDriver";
    case cudaErrorNoDevice:
      return "cudaErrorNoDevice";
    case cudaErrorInvalidDevice:
      return "cudaErrorInvalidDevice";
    case cudaErrorNoKernelImageForDevice:
      return "cudaErrorNoKernelImageForDevice";
    case cudaErrorNotReady:
      return "cudaErrorNotReady";
    case cudaErrorStreamCaptureUnsupported:
      return "cudaErrorStreamCaptureUnsupported";
    case cudaErrorStreamCaptureInvalidated:
      return "cudaErrorStreamCaptureInvalidated";
  }
  return "cudaErrorUnknown";
}

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorInvalidValue:
      return "invalid argument";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorInsufficientDriver:
      return "CUDA driver version is insufficient for CUDA runtime version";
    case cudaErrorNoDevice:
      return "no CUDA-capable device is detected";
    case cudaErrorInvalidDevice:
      return "invalid device ordinal";
    case cudaErrorNoKernelImageForDevice:
      return "no kernel image is available for execution on the device";
    case cudaErrorNotReady:
      return "device not ready";
    case cudaErrorStreamCaptureUnsupported:
      return "operation not permitted when stream is capturing";
    case cudaErrorStreamCaptureInvalidated:
      return "operation failed due to a previous error during capture";
  }
  return "unknown error";
}

cudaError_t cudaGetLastError() {
  const cudaError_t error = last_error;
  last_error = cudaSuccess;
  return error;
}

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 0;
  if (!settings().has_driver) return note(cudaErrorInsufficientDriver);
  if (settings().devices == 0) return note(cudaErrorNoDevice);
  *count = settings().devices;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
  if (check_device(device) != cudaSuccess) return cudaErrorInvalidDevice;
  current_device = device;
  return cudaSuccess;
}

cudaError_t cudaGetDevice(int* device) {
  *device = current_device;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (check_device(device) != cudaSuccess) return cudaErrorInvalidDevice;
  *properties = {};
  std::snprintf(properties->name, sizeof(properties->name), "emulated device");
  properties->totalGlobalMem = settings().memory_bytes;
  properties->major = settings().compute_major;
  properties->minor = settings().compute_minor;
  properties->multiProcessorCount = 132;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  cudaDeviceProp properties;
  if (cudaGetDeviceProperties(&properties, device) != cudaSuccess) return cudaErrorInvalidDevice;
  switch (attribute) {
    case cudaDevAttrMultiProcessorCount:
      *value = properties.multiProcessorCount;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMajor:
      *value = properties.major;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor:
      *value = properties.minor;
      return cudaSuccess;
  }
  return note(cudaErrorInvalidValue);
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = settings().has_driver ? 13000 : 0;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = 13000;
  return cudaSuccess;
}

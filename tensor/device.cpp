#include "tensor/device.h"

#include <charconv>

#include "tensor/cuda/cuda.h"

namespace tensor {
namespace {

bool read_device(std::string_view text, Device& device) {
  device = {};
  if (text == "cpu") return true;
  constexpr std::string_view prefix = "cuda";
  const bool is_cuda = text.substr(0, prefix.size()) == prefix;
  const std::string_view rest = is_cuda ? text.substr(prefix.size()) : text;
  device = {Device::Kind::cuda, 0};
  if (!is_cuda || rest.empty()) return is_cuda;
  if (rest.size() < 2 || rest[0] != ':') return false;
  const auto [end, error] = std::from_chars(rest.data() + 1, rest.data() + rest.size(), device.index);
  return error == std::errc() && end == rest.data() + rest.size() && device.index >= 0;
}

}  // namespace

bool is_device_name(std::string_view text) {
  Device device;
  return read_device(text, device);
}

Device parse_device(std::string_view text) {
  Device device;
  if (!read_device(text, device)) throw Error(fmt::format("device '{}': expected cpu, cuda or cuda:N", text));
  if (!device.is_cpu()) cuda::check_available(device.index);
  return device;
}

}  // namespace tensor

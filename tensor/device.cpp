#include "tensor/device.h"

#include <charconv>

#include "tensor/cuda/cuda.h"

namespace tensor {

Device parse_device(std::string_view text) {
  if (text == "cpu") return {};
  constexpr std::string_view prefix = "cuda";
  const bool is_cuda = text.substr(0, prefix.size()) == prefix;
  const std::string_view rest = is_cuda ? text.substr(prefix.size()) : text;
  Device device{Device::Kind::cuda, 0};
  bool understood = is_cuda && rest.empty();
  if (is_cuda && rest.size() >= 2 && rest[0] == ':') {
    const auto [end, error] = std::from_chars(rest.data() + 1, rest.data() + rest.size(), device.index);
    understood = error == std::errc() && end == rest.data() + rest.size() && device.index >= 0;
  }
  if (!understood) throw Error(fmt::format("device '{}' is unknown; known: cpu, cuda, cuda:N", text));
  cuda::check_available(device.index);
  return device;
}

}  // namespace tensor

#include "nn/init.h"

#include "tensor/parallel.h"
#include "tensor/philox.h"

namespace nn {
namespace {

// Elements 2i and 2i + 1 come from counter i of the parameter's name: the same numbers for any number of threads, and for any other layers.
template <class T>
void draw(Tensor& tensor, const Start& start, uint64_t counter, uint64_t seed) {
  T* out = tensor.data<T>();
  const int64_t n = tensor.numel();
  tensor::parallel_for((n + 1) / 2, 1 << 12, [&](int64_t begin, int64_t end) {
    for (int64_t pair = begin; pair < end; ++pair) {
      const auto words = tensor::philox(seed, tensor::Stream::init, counter, static_cast<uint32_t>(pair));
      std::array<double, 2> values;
      if (start.kind == Start::Kind::normal) {
        values = tensor::normal_pair(words);
      } else {
        values = {2 * tensor::uniform(words[0], words[1]) - 1, 2 * tensor::uniform(words[2], words[3]) - 1};
      }
      out[2 * pair] = static_cast<T>(start.value * values[0]);
      if (2 * pair + 1 < n) out[2 * pair + 1] = static_cast<T>(start.value * values[1]);
    }
  });
}

}  // namespace

void initialize(Module& module, uint64_t seed) {
  const std::vector<Start> starts = module.parameter_starts();
  std::vector<Module::NamedParameter> parameters = module.named_parameters();
  for (size_t i = 0; i < parameters.size(); ++i) {
    Tensor& value = parameters[i].variable.mutable_value();
    if (starts[i].kind == Start::Kind::constant) {
      value = Tensor::full(value.shape(), starts[i].value, value.dtype(), value.device());
      continue;
    }
    CHECK(value.numel() < (int64_t{1} << 33), "parameter {} has {} elements, too many to draw by a counter of 32 bits", parameters[i].name,
          value.numel());
    tensor::dispatch_floating(value.dtype(),
                              [&](auto zero) { draw<decltype(zero)>(value, starts[i], tensor::counter_of(parameters[i].name), seed); });
  }
  const std::vector<double> buffer_starts = module.buffer_starts();
  const std::vector<Module::NamedBuffer> buffers = module.named_buffers();
  for (size_t i = 0; i < buffers.size(); ++i) {
    Tensor& value = *buffers[i].tensor;
    value = Tensor::full(value.shape(), buffer_starts[i], value.dtype(), value.device());
  }
}

}  // namespace nn

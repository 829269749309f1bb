#include "tensor/check.h"

#include <cstdlib>
#include <string_view>

#include "tensor/tensor.h"

namespace tensor {
namespace {

std::string with_place(const std::string& message, const char* file, int line) {
  const char* trace = std::getenv("MODE_TRACE");
  const bool wanted = trace != nullptr && std::string_view(trace) == "1";
  return wanted && *file != '\0' ? fmt::format("{} [{}:{}]", message, file, line) : message;
}

/// "a is f32 (2, 3) on cpu"
std::string described(const Argument& x) {
  if (!x.tensor.defined()) return fmt::format("{} is undefined", x.name);
  return fmt::format("{} is {} {} on {}", x.name, name(x.tensor.dtype()), x.tensor.shape().to_string(), x.tensor.device().to_string());
}

void check_pair(bool fits, const char* op, const Argument& a, const Argument& b, const char* remedy, const char* file, int line) {
  if (!fits) throw Error(fmt::format("{}: {}, {}; {}", op, described(a), described(b), remedy), file, line);
}

}  // namespace

Error::Error(const std::string& message, const char* file, int line) : std::runtime_error(with_place(message, file, line)) {}

void check_same(const char* op, const Argument& a, const Argument& b, const char* file, int line) {
  check_pair(a.tensor.shape() == b.tensor.shape(), op, a, b, "the shapes must be equal, reshape one of them", file, line);
  check_same_kind(op, a, b, file, line);
}

void check_same_kind(const char* op, const Argument& a, const Argument& b, const char* file, int line) {
  check_pair(a.tensor.dtype() == b.tensor.dtype(), op, a, b, "the dtypes must be equal, cast one of them", file, line);
  check_same_device(op, a, b, file, line);
}

void check_same_device(const char* op, const Argument& a, const Argument& b, const char* file, int line) {
  check_pair(a.tensor.device() == b.tensor.device(), op, a, b, "the devices must be equal, move one of them by to()", file, line);
}

void check_shape(const char* op, const Argument& x, const Shape& expected, const char* file, int line) {
  if (x.tensor.shape() != expected)
    throw Error(fmt::format("{}: {}; expected the shape {}", op, described(x), expected.to_string()), file, line);
}

void check_rank(const char* op, const Argument& x, int rank, const char* axes, const char* file, int line) {
  if (x.tensor.rank() != rank) throw Error(fmt::format("{}: {}; expected {}, reshape it", op, described(x), axes), file, line);
}

void check_floating(const char* op, const Argument& x, const char* file, int line) {
  if (!x.tensor.defined() || (x.tensor.dtype() != Dtype::f32 && x.tensor.dtype() != Dtype::f64))
    throw Error(fmt::format("{}: {}; expected f32 or f64, cast it", op, described(x)), file, line);
}

}  // namespace tensor

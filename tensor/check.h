#pragma once
// Checks that stay on in release builds. CHECK is a macro, so that its message is only made for a failure, and the place is the caller's.

#include <fmt/format.h>

#include <stdexcept>
#include <string>

namespace tensor {

/// Thrown by every floor when an argument, a file or a shape breaks its contract. what() is one line for the user: what was expected, what
/// came, and the remedy. With MODE_TRACE=1 in the environment it ends with the failing check's place, " [tensor/ops/matmul.cpp:24]".
class Error : public std::runtime_error {
 public:
  /// `file` is empty for errors about the user's input, which have no place in the source.
  explicit Error(const std::string& message, const char* file = "", int line = 0);
};

class Shape;
class Tensor;

/// An op's argument, by the name that the op's header gives it.
struct Argument {
  const char* name;
  const Tensor& tensor;
};

// Checks of an op's arguments, with one wording for all ops: "add: a is f32 (2, 3) on cpu, b is f32 (3, 2) on cpu; ...".

/// Same shape, dtype and device.
void check_same(const char* op, const Argument& a, const Argument& b, const char* file = __builtin_FILE(), int line = __builtin_LINE());
/// Same dtype and device; the shapes may differ.
void check_same_kind(const char* op, const Argument& a, const Argument& b, const char* file = __builtin_FILE(),
                     int line = __builtin_LINE());
void check_same_device(const char* op, const Argument& a, const Argument& b, const char* file = __builtin_FILE(),
                       int line = __builtin_LINE());
void check_shape(const char* op, const Argument& x, const Shape& expected, const char* file = __builtin_FILE(),
                 int line = __builtin_LINE());
/// `axes` names the expected axes: "(N,H,W,C)".
void check_rank(const char* op, const Argument& x, int rank, const char* axes, const char* file = __builtin_FILE(),
                int line = __builtin_LINE());
/// f32 or f64.
void check_floating(const char* op, const Argument& x, const char* file = __builtin_FILE(), int line = __builtin_LINE());

}  // namespace tensor

/// CHECK(condition, "format", arguments...): the message says what was expected, what came, what to do.
#define CHECK(condition, ...)                                                              \
  do {                                                                                     \
    if (!(condition)) throw ::tensor::Error(fmt::format(__VA_ARGS__), __FILE__, __LINE__); \
  } while (false)

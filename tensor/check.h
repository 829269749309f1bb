#pragma once
// Checks that stay on in release builds. Macros, so that file and line are the caller's.

#include <fmt/format.h>

#include <stdexcept>
#include <string>

namespace tensor {

/// What every floor throws when an argument, a file or a shape is not as the contract says. `what()` is the one line a user reads.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message, const char* file = "", int line = 0) : std::runtime_error(message), file_(file), line_(line) {}
  /// Where the check stands in the source; empty for errors about the user's input.
  const char* file() const { return file_; }
  int line() const { return line_; }

 private:
  const char* file_;
  int line_;
};

}  // namespace tensor

/// CHECK(condition, "format", arguments...): the message says what was expected, what came, what to do.
#define CHECK(condition, ...)                                                              \
  do {                                                                                     \
    if (!(condition)) throw ::tensor::Error(fmt::format(__VA_ARGS__), __FILE__, __LINE__); \
  } while (false)

/// CHECK_SHAPE(tensor, expected shape): compares shapes and names the tensor as the caller wrote it.
#define CHECK_SHAPE(tensor_, ...)                                                                                        \
  do {                                                                                                                   \
    const ::tensor::Shape expected_shape_ __VA_ARGS__;                                                                   \
    CHECK((tensor_).shape() == expected_shape_, "{} has shape {}, expected {}", #tensor_, (tensor_).shape().to_string(), \
          expected_shape_.to_string());                                                                                  \
  } while (false)

/// CHECK_SAME(a, b): same shape, dtype and device.
#define CHECK_SAME(a_, b_)                                                                                                    \
  do {                                                                                                                        \
    CHECK((a_).shape() == (b_).shape(), "{} has shape {}, {} has {}; they must be equal", #a_, (a_).shape().to_string(), #b_, \
          (b_).shape().to_string());                                                                                          \
    CHECK((a_).dtype() == (b_).dtype(), "{} is {}, {} is {}; cast one of them", #a_, ::tensor::name((a_).dtype()), #b_,       \
          ::tensor::name((b_).dtype()));                                                                                      \
    CHECK((a_).device() == (b_).device(), "{} and {} are on different devices", #a_, #b_);                                    \
  } while (false)

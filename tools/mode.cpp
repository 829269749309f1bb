// The one binary: `mode COMMAND`. Exit status 0, 1 (failure), 2 (the command line makes no sense), 130 (interrupted and saved).

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>

#include "tools/commands/arguments.h"
#include "tools/commands/common.h"

int main(int argc, char** argv) {
  // What was printed comes first, then the one line that says what went wrong.
  const auto fail = [](const char* message, int status) {
    std::fflush(stdout);
    fmt::print(stderr, "mode: {}\n", message);
    return status;
  };
  try {
    const int status = mode::tools::parse_arguments(argc, argv)();
    // What nobody could read was not done: a full disk behind a redirection is a failure.
    errno = 0;
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
    return fail(fmt::format("cannot write the output: {}", errno != 0 ? std::strerror(errno) : "a part of it is lost").c_str(),
                status == 0 ? 1 : status);
  } catch (const mode::tools::UsageError& error) {
    return fail(error.what(), 2);
  } catch (const std::bad_alloc&) {
    return fail("out of memory; try a smaller --batch, or limit=N in the data's name", 1);
  } catch (const std::exception& error) {
    return fail(error.what(), 1);
  }
}

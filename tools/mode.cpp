// The one binary: `mode COMMAND`. Exit status 0, 1 (failure), 2 (the command line makes no sense), 130 (interrupted and saved).

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <system_error>

#include "nn/text.h"
#include "tools/commands/commands.h"
#include "tools/commands/common.h"

namespace {

/// A write that cannot be done is an error that is reported, and its unfinished file is removed; the signals would end the process first.
/// A reader of the output that goes away must not end hours of training.
void ignore_signals_of_writes() {
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
}

/// A program that starts with a standard stream closed would open its own files under that number, and print into them. The placeholder can
/// neither be read nor written.
void occupy_closed_standard_streams() {
  for (int descriptor = 0; descriptor <= 2; ++descriptor)
    if (::fcntl(descriptor, F_GETFD) < 0 && ::open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY) != descriptor) std::_Exit(1);
}

int output_fault = 0;  // the first one of stdout

ssize_t write_or_remember(void*, const char* bytes, size_t count) {
  for (size_t done = 0; done < count && output_fault == 0;) {
    const ssize_t written = ::write(STDOUT_FILENO, bytes + done, count - done);
    if (written >= 0)
      done += static_cast<size_t>(written);
    else if (errno != EINTR)
      output_fault = errno;
  }
  return static_cast<ssize_t>(count);
}

/// A print that throws would end training when the reader of its lines does. So stdout accepts every write, and main reports the first fault at the end.
void remember_faults_of_stdout() {
  cookie_io_functions_t functions{};
  functions.write = write_or_remember;
  if (FILE* lenient = ::fopencookie(nullptr, "w", functions)) {
    if (::isatty(STDOUT_FILENO) == 1) std::setvbuf(lenient, nullptr, _IOLBF, BUFSIZ);
    stdout = lenient;
  }
}

}  // namespace

int main(int argc, char** argv) {
  ignore_signals_of_writes();
  occupy_closed_standard_streams();
  remember_faults_of_stdout();
  // The output so far comes first, then the one line of the error (with MODE_TRACE=1 and its place, see tensor/check.h).
  const auto fail = [](const std::string& message, int status) {
    std::fflush(stdout);
    std::fputs(fmt::format("mode: {}\n", nn::escaped(message, 4000)).c_str(), stderr);
    return status;
  };
  try {
    const int status = mode::tools::parse_arguments(argc, argv)();
    // Lost output is a failure: a redirection to a full disk, for example.
    std::fflush(stdout);
    if (output_fault == 0) return status;
    return fail(fmt::format("cannot write the output: {}", std::strerror(output_fault)), status == 0 ? 1 : status);
  } catch (const mode::OptionError& error) {
    return fail(error.what(), 2);
  } catch (const std::bad_alloc&) {
    return fail("out of memory; try a smaller --batch, or limit=N in the data's name", 1);
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::resource_unavailable_try_again)
      return fail("cannot start a thread; use fewer --threads, or raise the limit of memory or processes", 1);
    return fail(error.what(), 1);
  } catch (const std::exception& error) {
    return fail(error.what(), 1);
  }
}

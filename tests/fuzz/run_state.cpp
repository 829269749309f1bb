// The files of a training run, state.safetensors and log.csv. Input: lines of KEY VALUE for the state's metadata, an empty line, the log.

#include "mode/training/run_directory.h"
#include "nn/safetensors_header.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const TemporaryDirectory folder;
  fuzz::Input input(data, size);
  nn::Header header;
  for (std::string line = input.until('\n'); !line.empty(); line = input.until('\n')) {
    const size_t space = line.find(' ');
    header.metadata[line.substr(0, space)] = space == std::string::npos ? "" : line.substr(space + 1);
  }
  fuzz::expect_value_or_one_line([&] {
    mode::RunDirectory directory(folder.path());
    const std::string text = nn::format_header(header);
    const uint64_t header_bytes = text.size();
    write_bytes(directory.state_path(), std::string(reinterpret_cast<const char*>(&header_bytes), 8) + text);
    write_bytes(directory.log_path(), input.rest());
    directory.holds_run();
    directory.holds_demo();
    const mode::RunState state = directory.load_state();
    directory.load_log(state.epoch);
    // Options written and read again must stay equal.
    mode::TrainOptions again;
    const auto options = mode::options_to_text(state.options);
    mode::options_from_text(options, again);
    if (mode::options_to_text(again) != options) fuzz::violated("options that stay the same when written and read again", text);
  });
  return 0;
}

/// Why one line or record could not be used. Thrown by parsers, turned into a ``Problem`` by the run.
public struct ParseError: Error, Hashable, Sendable {
  /// What is wrong, for one counter per reason.
  public let kind: ProblemKind
  /// Byte of the line where it was noticed, from 1.
  public let column: Int

  /// A complaint about a place in a line.
  @inlinable
  public init(_ kind: ProblemKind, column: Int) {
    self.kind = kind
    self.column = column
  }
}

/// How much a problem costs.
public enum ProblemSeverity: String, Vocabulary {
  /// Nothing is missing, but somebody should know.
  case note
  /// Input that was not used.
  case skipped
  /// Events that the tracer itself lost.
  case dataLoss = "data_loss"
  /// The whole source was refused.
  case refused
}

/// The kinds of trouble, each said in one place: name, cost, and what to do.
public enum ProblemKind: String, Sendable, CaseIterable {
  /// The line has the shape of no format we know.
  case unrecognizedLine = "unrecognized_line"
  /// The line ends before all its fields.
  case truncatedLine = "truncated_line"
  /// A number is missing, too large or has other characters in it.
  case malformedNumber = "malformed_number"
  /// The action letter is not one of blktrace's.
  case unknownAction = "unknown_action"
  /// The RWBS letters are not the kernel's.
  case unknownFlags = "unknown_flags"
  /// The tail of the line does not fit its action.
  case malformedTail = "malformed_tail"
  /// A record of a binary format that begins or ends wrong.
  case malformedRecord = "malformed_record"
  /// A packed file ends before its data do.
  case truncatedInput = "truncated_input"
  /// Bytes behind the data of a packed file.
  case trailingBytes = "trailing_bytes"
  /// A notice of the tool among the events.
  case toolNotice = "tool_notice"
  /// Output of another command in the same file.
  case otherOutput = "other_output"
  /// A person or the terminal added something to the line; the event in it counts.
  case annotatedLine = "annotated_line"
  /// A mark stands for lines that were cut out.
  case elidedLines = "elided_lines"
  /// The numbering has gaps that are no losses: a filter left lines out.
  case filteredText = "filtered_text"
  /// The tool says that it dropped events.
  case droppedEvents = "dropped_events"
  /// Gaps in the sequence numbers.
  case sequenceGap = "sequence_gap"
  /// The tool counts more lost events than gaps in the sequence numbers show.
  case lostUnseen = "lost_unseen"
  /// A line came too late to be put into its place.
  case lateLine = "late_line"
  /// Time went back: another trace follows, or the clock was set.
  case timeWentBack = "time_went_back"
  /// Time went back, and the same events follow once more.
  case repeatedStretch = "repeated_stretch"
  /// Time went back, and other events follow: another recording.
  case anotherRecording = "another_recording"
  /// Another file of the machine has other threads on its CPUs at the same time: it is another machine's.
  case otherMachine = "other_machine"
  /// Another file of the machine has a part of the same trace: it counts once.
  case overlapsAnother = "overlaps_another"
  /// It is a part of a trace of which another file has more, and what only this one has is not used.
  case partLeftOut = "part_left_out"
  /// A later event has an earlier time.
  case negativeTime = "negative_time"
  /// The set of blktrace's per-CPU files has a gap.
  case missingCPUFile = "missing_cpu_file"
  /// Completions without a request, or requests that never ended, in the middle of the trace.
  case unpairedEvent = "unpaired_event"
  /// Requests were given up because too many were open.
  case tooManyOpen = "too_many_open"
  /// Events of devices beyond those that are followed.
  case tooManyDevices = "too_many_devices"
  /// Threads that were forgotten because too many were alive.
  case tooManyThreads = "too_many_threads"
  /// Threads beyond those that are told apart, added up in one row.
  case threadsAddedUp = "threads_added_up"
  /// Events that no analysis uses.
  case unusedEvent = "unused_event"
  /// The payload of a known tracepoint is not what the kernel prints.
  case malformedPayload = "malformed_payload"
  /// A switch away from a thread that was not on that CPU: switches are missing.
  case missingSwitch = "missing_switch"
  /// The letters of threads that leave a CPU are those of the next higher bit.
  case shiftedStates = "shifted_states"
  /// The counters of a reading are smaller than before: they began again from 0.
  case counterReset = "counter_reset"
  /// A counter is smaller than before, and the others of its reading went on.
  case counterSteppedBack = "counter_stepped_back"
  /// A counter of 32 bits is smaller than before: it ran over.
  case counterWrapped = "counter_wrapped"
  /// A value that cannot be (a negative difference printed as an unsigned number).
  case impossibleValue = "impossible_value"
  /// A row that averages since boot.
  case sinceBootRow = "since_boot_row"
  /// A date whose day and month may be the other way round.
  case ambiguousDate = "ambiguous_date"
  /// A time of day or a date without a year.
  case timeWithoutDay = "time_without_day"
  /// A local time whose distance from UTC is not certain.
  case unknownZone = "unknown_zone"
  /// The wall clock was set while a capture ran.
  case wallClockSet = "wall_clock_set"
  /// The same bytes came as another machine's trace or log.
  case copyOfAnother = "copy_of_another"
  /// The file goes on with rows of another host.
  case otherHost = "other_host"
  /// A table that does not say which object it is about.
  case unnamedObject = "unnamed_object"
  /// Readings below another heading, of another machine or of a thing made anew, under a name that is known.
  case keptApart = "kept_apart"
  /// A start of a guest in its log that a later one follows.
  case supersededStart = "superseded_start"
  /// The tool has no counters for it.
  case noCounters = "no_counters"
  /// Output of another system's tool of the same name.
  case foreignTool = "foreign_tool"
  /// More lines than allowed could not be read.
  case tooManyBadLines = "too_many_bad_lines"
  /// It looks like a format, and no line is an event of it.
  case noEvents = "no_events"
  /// Its times fall again and again.
  case notInOrder = "not_in_order"
  /// It is the traces of several machines in one text.
  case severalMachines = "several_machines"
  /// It is larger than any file of its kind.
  case tooLarge = "too_large"
  /// Reading it failed half-way: the packed data are damaged, or the disk.
  case unreadable = "unreadable"

  /// What it costs.
  public var severity: ProblemSeverity {
    switch self {
    case .unrecognizedLine, .truncatedLine, .malformedNumber, .unknownAction, .unknownFlags,
      .malformedTail, .lateLine, .malformedPayload, .foreignTool, .malformedRecord, .trailingBytes,
      .partLeftOut:
      .skipped
    case .toolNotice, .annotatedLine, .elidedLines, .filteredText, .shiftedStates, .otherOutput,
      .supersededStart, .timeWentBack, .repeatedStretch, .anotherRecording, .otherMachine,
      .overlapsAnother,
      .negativeTime, .unpairedEvent,
      .unusedEvent, .missingSwitch, .counterReset, .counterSteppedBack,
      .counterWrapped, .impossibleValue, .sinceBootRow, .ambiguousDate, .timeWithoutDay,
      .unknownZone, .wallClockSet, .copyOfAnother, .missingCPUFile, .unnamedObject, .noCounters,
      .keptApart, .otherHost,
      .threadsAddedUp:
      .note
    case .droppedEvents, .sequenceGap, .lostUnseen, .tooManyOpen, .tooManyDevices, .tooManyThreads,
      .truncatedInput:
      .dataLoss
    case .tooManyBadLines, .noEvents, .notInOrder, .severalMachines, .tooLarge, .unreadable:
      .refused
    }
  }

  /// What a person should do about it.
  public var advice: String {
    switch self {
    case .unrecognizedLine:
      "not an event of this format; check how the file was made"
    case .truncatedLine: "the file was cut here; copy it again if more is missing than this line"
    case .malformedNumber: "a field is not the number it should be; check the file for damage"
    case .unknownAction: "expected one of A B C D F G I M P Q R S U UT X m after the pid"
    case .unknownFlags: "expected RWBS letters such as R, WS, FWFSM or DS after the action"
    case .malformedTail:
      "expected 'sector + sectors [task]' or what the action needs; check -f/-F of blkparse"
    case .malformedRecord: "no record begins here; the file is damaged or was put together wrongly"
    case .truncatedInput:
      "the packed file ends too early; what could be unpacked was used; copy the file again"
    case .trailingBytes:
      "bytes behind the packed data were not used; check how the file was put together"
    case .toolNotice: "kept out of the events"
    case .otherOutput: "output of other commands in the same file; it is not used"
    case .supersededStart:
      "the guest was started several times: the last start counts; if the incident was before it, save the log "
        + "up to that start"
    case .annotatedLine:
      "a remark, or the echo of a key such as ^C, was taken off the line; its event counts"
    case .elidedLines:
      "lines were cut out here: what happened in them is missing; give the whole file if you have it"
    case .filteredText:
      "the numbering shows events that the text leaves out, by blkparse -a or grep: no loss, but stages that need "
        + "them are missing; print the trace again without the filter"
    case .shiftedStates:
      "the idle task leaves with S, which is R one bit too high: a fault of kernels 4.15 to 4.19, or of a tool older "
        + "than the kernel; all states are read one bit lower (S as R, D as S)"
    case .droppedEvents:
      "record again with larger buffers: blktrace -b 4096 -n 16, perf record -m 16M, "
        + "trace-cmd record -b 65536"
    case .sequenceGap: "the tracer lost events here; record again with blktrace -b 4096 -n 16"
    case .lostUnseen:
      "blkparse or blktrace counts more lost events than the numbering shows, as behind the last event of a CPU: requests "
        + "without a completion may have had one; record again with blktrace -b 4096 -n 16"
    case .lateLine:
      "sort a text by its time column; give the per-CPU files of blktrace instead of one stream"
    case .timeWentBack: "read as a second stretch; split the file if it holds two traces"
    case .repeatedStretch:
      "the same events follow once more, as in a text that was appended to itself: they count once"
    case .overlapsAnother:
      "two files hold parts of one trace that overlap: what both have counts once"
    case .otherMachine:
      "at the same moments the same CPUs run other threads in another file of this machine: give each machine a folder of "
        + "its own"
    case .partLeftOut:
      "another file has most of the same trace and is used instead: what only this file has is left out; put the parts "
        + "together, or give the whole trace"
    case .anotherRecording:
      "another recording begins here: split the file, and ingest each recording into an incident file of its own"
    case .negativeTime:
      "an event is before the one that it follows: the clock was set back; left out of the sums"
    case .missingCPUFile:
      "blktrace writes a file for each CPU that is online; what that CPU did is not in the trace; copy it too"
    case .unpairedEvent: "often the start or end of the trace, or a filter (blktrace -a)"
    case .tooManyOpen: "completions are missing; were they filtered out (blktrace -a)?"
    case .tooManyDevices:
      "so many devices are no usual trace; check the file for damage, or trace the disks in question"
    case .tooManyThreads:
      "those that slept were forgotten and begin anew when they come again; ends of threads are missing"
    case .threadsAddedUp:
      "so many threads are not told apart: the later ones are together in the thread '(others)'; a shorter "
        + "trace, or one of fewer CPUs, tells them apart"
    case .unusedEvent: "read and counted, but no analysis uses these tracepoints"
    case .malformedPayload: "a task name or a new kernel may explain it; check the excerpt"
    case .missingSwitch:
      "the trace lacks context switches here; run and wait around them are left out"
    case .counterReset:
      "it counts from 0 again: a reboot, a reloaded driver, or a changed number of queues"
    case .counterSteppedBack:
      "one value fell while the others of its reading went on, so nothing was reset: that step is left out; "
        + "the kernel lets iowait and idle fall so (proc(5)), and a live migration stolen time"
    case .counterWrapped: "it ran over 32 bits; the difference is counted across the wrap"
    case .impossibleValue: "left out; the counter went back while the tool took its difference"
    case .sinceBootRow:
      "kept out of the samples: the first row of vmstat averages since boot, that of esxtop has no values of disks"
    case .ambiguousDate: "read with the month first; write dates as 2026-10-07 (date -Is)"
    case .timeWithoutDay: "no absolute time can be had from it; write date -Is or date +%s.%N"
    case .unknownZone:
      "its local time may be hours off UTC, so its clock ties it to no trace; write date -Is or date +%s.%N"
    case .wallClockSet:
      "the wall clock was set during the capture: samples that wrote the time down lie apart from the traces on "
        + "one side of that moment"
    case .copyOfAnother:
      "no two machines write the same trace: one of the two is a copy; take it out, or what it shows counts for both"
    case .otherHost:
      "a header of another host begins here, and its rows are left out: split the file, and give each host a folder of "
        + "its own"
    case .unnamedObject: "named by its place in the output; print the interface's name before it"
    case .keptApart:
      "two things of one name in one file, as headings, prompts or addresses say: each is a series of its own; give "
        + "each machine a folder of its own"
    case .noCounters: "the driver offers no statistics; look at ip -s link and /proc/net/dev"
    case .tooManyBadLines:
      "more lines than --max-skipped allows cannot be read; check that the file is one tool's output, as it was "
        + "printed"
    case .noEvents: "it has the head of this format and no event; was the tracer stopped too early?"
    case .notInOrder:
      "sort a text by its time column; give the per-CPU files of blktrace instead of one stream"
    case .severalMachines:
      "print each trace by itself: trace-cmd report -i FILE > FILE.txt, and name the machine of each"
    case .tooLarge: "no file of its kind is so large; check what it is"
    case .unreadable: "it could not be read to its end; check it and copy it again"
    case .foreignTool: "only the output of Linux tools can be used here"
    }
  }
}

/// Trouble of one kind in a source: how often, and where first.
public struct Problem: Sendable {
  /// Its kind.
  public let kind: ProblemKind
  /// The first line it was seen in, from 1; nil when it is about no line.
  public let line: Int64?
  /// The byte in that line, from 1.
  public let column: Int?
  /// How many lines or events.
  public var count: Int64
  /// The beginning of that line.
  public let excerpt: String?

  /// Trouble first seen at a place.
  public init(kind: ProblemKind, line: Int64?, column: Int?, count: Int64, excerpt: String?) {
    self.kind = kind
    self.line = line
    self.column = column
    self.count = count
    self.excerpt = excerpt
  }
}

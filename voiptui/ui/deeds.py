"""What the actions do that concern more than one pane."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voiptui.model.records import Call, Cdr, Kind
from voiptui.query.errors import FilterError
from voiptui.ui.actions import PaneName
from voiptui.ui.changes import Changing
from voiptui.ui.commands import Command, CommandError, completed, known_beginnings, read_command
from voiptui.ui.hops import Hopping
from voiptui.ui.messages import MASKED
from voiptui.ui.remembered import COMMANDS

if TYPE_CHECKING:
    from voiptui.ui.panes.base import Pane

ALL_PBXS = "*"
MANY = 20


class Deeds(Hopping, Changing):
    """The app's half of the actions: a method ``do_<id>`` each; a coroutine goes on in the background."""

    # Panes

    def do_systems(self) -> None:
        """Pane 1."""
        self.forget_hops()
        self.show_pane(PaneName.SYSTEMS)

    def do_registrations(self) -> None:
        """Pane 2."""
        self.forget_hops()
        self.show_pane(PaneName.REGISTRATIONS)

    def do_calls(self) -> None:
        """Pane 3."""
        self.forget_hops()
        self.show_pane(PaneName.CALLS)

    def do_cdr(self) -> None:
        """Pane 4."""
        self.forget_hops()
        self.show_pane(PaneName.CDR)

    def do_log(self) -> None:
        """Pane 5."""
        self.forget_hops()
        self.show_pane(PaneName.LOG)

    # Filtering

    async def do_one_pbx(self) -> None:
        """Asks for a PBX and narrows the pane to it."""
        from voiptui.ui.screens.ask import Choose

        names = self.services.names
        record = self.here.grid.cursor_record
        at = getattr(record, "pbx", None)
        choices = [(ALL_PBXS, "all PBXs"), *((name, name) for name in names)]
        chosen = await self.push_screen_wait(Choose("Narrow to", choices, at=at))
        if chosen is not None:
            self._guarded(lambda: self.here.narrow_to(None if chosen == ALL_PBXS else chosen))

    async def do_views(self) -> None:
        """Asks for a view to apply, or a name to save one by."""
        from voiptui.ui.screens.ask import AskText, Choose

        here = [view for view in self.views.all() if view.pane == self.pane_name.value]
        others = [view for view in self.views.all() if view.pane != self.pane_name.value]
        choices = [(f"v:{view.name}", f"{view.name}   {view.filter}") for view in here]
        choices += [(f"v:{view.name}", f"{view.name}   {view.pane}: {view.filter}") for view in others]
        choices.append(("save", "save what is shown as a view"))
        if any(self.views.is_saved(view.name) for view in self.views.all()):
            choices.append(("delete", "delete a saved view"))
        chosen = await self.push_screen_wait(Choose("Saved views", choices))
        if chosen == "save":
            name = await self.push_screen_wait(AskText("Save as", hint="a name; Enter saves, Esc leaves"))
            if name:
                self.save_view(name.strip())
        elif chosen == "delete":
            saved = [(view.name, view.name) for view in self.views.all() if self.views.is_saved(view.name)]
            name = await self.push_screen_wait(Choose("Delete which view", saved))
            if name is not None:
                self._guarded(lambda: self.views.delete(name))
                self.said(f"view {name} deleted")
        elif chosen is not None:
            self.apply_view(chosen.removeprefix("v:"))

    def save_view(self, name: str) -> None:
        """Keeps filter, columns, order and PBXs of the pane under a name."""
        from voiptui.config.load import View
        from voiptui.ui.cellfilter import with_options
        from voiptui.ui.panes.cdr import CdrPane

        pane = self.here
        text = pane.bar.text
        if isinstance(pane, CdrPane):
            if pane.grouped_by is not None:
                self.said("a view is of calls, not of groups: Esc shows the calls", bad=True)
                return
            asked = pane.asked
            text = with_options(text, pbxs=asked.pbxs, since=asked.since, until=asked.until)
        order = f"{pane.order[0]}:{'desc' if pane.order[1] else 'asc'}" if pane.order else ""
        view = View(name=name, pane=self.pane_name.value, filter=text, columns=pane.own_names, order=order)
        if self._guarded(lambda: self.views.save(view)):
            self.said(f"view {name} saved")

    def apply_view(self, name: str) -> None:
        """Shows a view."""
        view = self.views.get(name)
        if view is None:
            self.said(f"there is no view {name}", bad=True)
            return
        from voiptui.ui.panes.cdr import CdrPane

        pane = self.show_pane(PaneName(view.pane))

        def apply() -> None:
            if isinstance(pane, CdrPane):
                pane.leave_group()
            if view.columns:
                pane.choose_columns(view.columns)
            if view.order:
                self._order(pane, view.order)
            pane.set_filter(view.filter)

        # the pane may have been made just now
        pane.call_after_refresh(lambda: self._guarded(apply))

    def _guarded(self, deed: Any) -> bool:
        """Does it; what goes wrong with words or files is said."""
        try:
            deed()
        except FilterError as error:
            self.said(f"the filter: {error}", bad=True)
        except OSError as error:
            self.said(error.strerror or str(error), bad=True)
        except ValueError as error:
            self.said(str(error), bad=True)
        else:
            return True
        return False

    # Rows

    async def do_detail(self) -> None:
        """All about the row under the cursor; what its telephone system tells comes in later."""
        from voiptui.ui.detail import DetailScreen
        from voiptui.ui.details import Followed, ask_detail, record_of

        pane = self.here
        if pane.entered():
            return
        row = pane.grid.cursor_record
        record = record_of(self.services, row)
        if record is None:
            self.said(str(getattr(row, "text", "") or "this row has no detail"))
            return
        followed = Followed(self.services, record)
        # a finished call stays as it is
        screen = DetailScreen(followed.now(), None if isinstance(record, Cdr) else followed.now)
        await self.push_screen(screen)
        detail = await ask_detail(self.services, record)
        if screen.is_attached:
            screen.view.show_detail(detail)

    async def do_columns(self) -> None:
        """Asks which columns to show."""
        from voiptui.ui.screens.columns import ChooseColumns

        pane = self.here
        chosen = await self.push_screen_wait(ChooseColumns(pane.fields, pane.field_names, self.services.signs))
        if chosen and tuple(chosen) != pane.field_names:
            pane.choose_columns(chosen, unwanted=set(pane.field_names).difference(chosen))

    # Calls

    async def do_download(self) -> None:
        """Fetches the recordings of the marked calls, or of the one under the cursor."""
        from voiptui.ui.screens.ask import Confirm

        pane = self.cdr_pane()
        calls = [pane.original(call) for call in pane.chosen() if call.recording is not False]
        if not calls:
            self.said("none of the marked calls was recorded", bad=True)
            return
        if len(calls) > MANY and not await self.push_screen_wait(
            Confirm(f"Download the recordings of {len(calls)} calls?")
        ):
            return
        pane.grid.clear_marks()
        await self.recordings.download(calls)

    async def do_play(self) -> None:
        """Plays the recording of the call under the cursor."""
        pane = self.cdr_pane()
        calls = pane.chosen()
        if calls:
            await self.recordings.play(pane.original(calls[0]))

    def do_same_call(self) -> None:
        """Looks for the call under the cursor on the other PBXs."""
        from voiptui.ui.cellfilter import same_call

        record = self.here.grid.cursor_record
        if isinstance(record, Cdr | Call):
            text = same_call(record, self.services.zone)
            if self.services.hides(text):
                self.said(MASKED, bad=True)
                return
            self.search_cdr(text)

    def search_cdr(self, text: str, **options: Any) -> None:
        """Goes to the CDR pane and searches; raises `FilterError` or `ValueError` before anything changes."""
        from voiptui.query.parse import parse
        from voiptui.ui.panes.cdr import CdrPane
        from voiptui.ui.searching import Asked, ends

        asked = Asked(text=text, **options)
        parse(text, Kind.CDR)
        ends(asked, self.services.clock(), self.services.zone)
        pane = self.pane_of(PaneName.CDR)
        first = isinstance(pane, CdrPane) and pane.searching is None
        if isinstance(pane, CdrPane) and first:
            # it asks as soon as it is shown
            pane.asked = asked
        self.show_pane(PaneName.CDR)
        if isinstance(pane, CdrPane) and not first:
            pane.leave_group()
            pane.search(asked)

    # Taking along

    async def do_export(self) -> None:
        """Asks for a file name and writes what is shown."""
        from voiptui.ui.screens.ask import AskText
        from voiptui.ui.takeaway import form_of

        def check(name: str) -> str | None:
            try:
                form_of(name)
            except ValueError as error:
                return str(error)
            return f"{name} exists; nothing is overwritten" if Path(name).expanduser().exists() else None

        local = self.services.clock().astimezone(self.services.zone)
        usual = f"voiptui-{self.pane_name.value}-{local:%Y%m%d-%H%M%S}.csv"
        count = self.here.grid.row_count
        name = await self.push_screen_wait(
            AskText(
                f"Export {count:,} rows to",
                usual,
                hint=".csv .json .jsonl or .txt; Enter writes, Esc leaves",
                check=check,
            )
        )
        if name:
            self.export(name)

    def export(self, name: str) -> None:
        """Writes what is shown to a new file."""
        from voiptui.ui.takeaway import write_new

        pane = self.here
        fields = [column.field for column in pane.grid.columns]

        def write() -> None:
            path = write_new(
                Path(name), fields, pane.grid.records(), zone=self.services.zone, now=self.services.clock()
            )
            self.said(f"{pane.grid.row_count:,} rows written to {path}")

        self._guarded(write)

    def do_copy_cell(self) -> None:
        """The cell under the cursor to the clipboard."""
        pane = self.here
        field = pane.grid.cursor_field
        column = next((one for one in pane.grid.columns if field is not None and one.name == field.name), None)
        if column is not None:
            from voiptui.output.values import record_text

            record, look = pane.grid.cursor_record, self.services.look
            painted = column.paint is not None or column.value is not None
            text = (
                column.cell(record, look).text.strip()
                if painted
                else record_text(column.field, record, look.zone, look.now)
            )
            self.copy(text)

    def do_copy_row(self) -> None:
        """The row under the cursor to the clipboard, its cells separated by tabs."""
        pane = self.here
        record, look = pane.grid.cursor_record, self.services.look
        self.copy("\t".join(column.cell(record, look).text.strip() for column in pane.grid.columns))

    def copy(self, text: str) -> None:
        """Text to the clipboard of the person's terminal, and what was done to the status line."""
        from voiptui.ui.clipboard import TooLarge, osc52, tmux_takes

        try:
            sequence = osc52(text, os.environ)
        except TooLarge as error:
            self.said(str(error), bad=True)
            return

        async def put() -> None:
            if not (os.environ.get("TMUX") and await tmux_takes(text)):
                self.write_terminal(sequence)
            self._clipboard = text
            self.said(f"copied: {text}" if len(text) <= 60 else f"copied {len(text):,} characters")

        self.run_worker(put(), group="copy", exclusive=True)

    # Program

    def do_pause(self) -> None:
        """Stops the polls, or goes on with them."""
        poller = self.services.poller
        if poller.paused:
            poller.resume()
            self.said("polling goes on")
        else:
            poller.pause()
            self.said("paused: what is shown stays as it is; p goes on")

    def do_zone(self) -> None:
        """Shows times in the next zone."""
        self.services.next_zone()
        self._zone_changed()

    def _zone_changed(self) -> None:
        for pane in self.query_panes():
            pane.restyle()
        self.said(f"times in {self.services.zone_name}")

    def query_panes(self) -> list["Pane"]:
        """The panes that have been shown."""
        from voiptui.ui.panes.base import Pane

        return list(self.screen_stack[0].query(Pane))

    def do_refresh(self) -> None:
        """Polls now; a search is done again."""
        from voiptui.ui.panes.cdr import CdrPane

        pane = self.here
        if isinstance(pane, CdrPane):
            pane.filter_submitted()
        else:
            waiting = self.services.poller.refresh()
            words = "; ".join(f"{name}: {reason}" for name, reason in waiting.items())
            self.said(f"asking; {words}" if words else "asking all PBXs", bad=bool(words))

    def do_help(self) -> None:
        """Help for the pane that is shown."""
        from voiptui.ui.screens.help import Help, pane_blocks

        blocks = pane_blocks(self.pane_name, self.keymap, ascii_only=self.services.ascii_only)
        self.push_screen(Help(self.pane_name, blocks, self.services.signs))

    def do_quit(self) -> None:
        """Leaves."""
        self.exit()

    # The command line

    async def do_command(self) -> None:
        """Asks for a command."""
        from voiptui.ui.screens.ask import AskText

        def check(text: str) -> str | None:
            try:
                if text.strip():
                    read_command(text)
            except CommandError as error:
                return str(error)
            return None

        text = await self.push_screen_wait(
            AskText(
                "Command",
                hint="regs calls cdr FILTER [--since T] recording PBX:ID pbx columns sort view save export theme zone",
                check=check,
                complete=self._complete_command,
                history=self.services.remembered.of(COMMANDS)[::-1],
            )
        )
        if text and text.strip():
            self.services.remembered.add(COMMANDS, text.strip())
            self._guarded(lambda: self.obey(read_command(text)))

    def _complete_command(self, text: str) -> str | None:
        beginnings = known_beginnings(self.services.names, [view.name for view in self.views.all()])
        pane = self.here
        return completed(text, beginnings, pane.known() if pane.kind is not None else {"pbx": self.services.names})

    def obey(self, command: Command) -> None:
        """Does what a command says; raises `ValueError` or `FilterError` with the sentence for the person."""
        from voiptui.ui.commands import PANE_VERBS

        if command.verb == "cdr":
            self.search_cdr(command.rest, **self._search_options(command))
        elif command.verb in PANE_VERBS:
            pane = self.show_pane(PANE_VERBS[command.verb])
            if command.rest or not pane.is_mounted:
                pane.call_after_refresh(lambda: self._guarded(lambda: pane.set_filter(command.rest)))
            else:
                pane.set_filter("")
        else:
            named = getattr(self, f"_obey_{command.verb}", None)
            if named is None:
                self.action_act(command.verb)
            else:
                named(command)

    def _search_options(self, command: Command) -> dict[str, Any]:
        options: dict[str, Any] = {key: command.options[key] for key in ("since", "until") if key in command.options}
        limit = command.options.get("limit")
        if limit is not None:
            if limit != "all" and not (limit.isdigit() and int(limit)):
                raise ValueError(f"--limit takes a number or all, not {limit!r}")
            options["limit"] = None if limit == "all" else int(limit)
        if "pbx" in command.options:
            options["pbxs"] = (self._named(command.options["pbx"]),)
        return options

    def _named(self, name: str) -> str:
        if name not in self.services.names:
            raise ValueError(f"no PBX {name!r}; there are {', '.join(self.services.names)}")
        return name

    def _obey_stats(self, command: Command) -> None:
        from voiptui.model.fields import CDR_FIELDS
        from voiptui.ui.panes.cdr import CdrPane

        by = command.options.get("by", "pbx")
        if by not in CDR_FIELDS:
            raise ValueError(f"--by: no field {by!r}; there are {', '.join(CDR_FIELDS)}")
        self.search_cdr(command.rest, **{"limit": None, **self._search_options(command)})
        pane = self.here
        if isinstance(pane, CdrPane):
            pane.call_after_refresh(lambda: pane.group_by(CDR_FIELDS[by]))

    def _obey_pbx(self, command: Command) -> None:
        self.here.narrow_to(None if command.rest == "all" else self._named(command.rest))

    def _obey_columns(self, command: Command) -> None:
        names = [name.strip() for name in command.rest.split(",") if name.strip()]
        unknown = [name for name in names if name not in self.here.fields]
        if unknown:
            raise ValueError(f"no field {unknown[0]!r}; there are {', '.join(self.here.fields)}")
        self.here.choose_columns(names)

    def _obey_sort(self, command: Command) -> None:
        self._order(self.here, command.rest)

    def _order(self, pane: "Pane", order: str) -> None:
        name, _, way = order.partition(":")
        if name not in pane.fields or way not in {"", "asc", "desc"}:
            raise ValueError(f"expected FIELD, FIELD:asc or FIELD:desc, found {order!r}")
        pane.sort_by(pane.fields[name], descending=way == "desc")

    def _obey_view(self, command: Command) -> None:
        self.apply_view(command.rest)

    def _obey_save(self, command: Command) -> None:
        self.save_view(command.rest)

    def _obey_export(self, command: Command) -> None:
        self.export(command.rest)

    def _obey_theme(self, command: Command) -> None:
        from voiptui.ui.themes import use_theme

        use_theme(self, command.rest)

    def _obey_zone(self, command: Command) -> None:
        from voiptui.model.time import local_zone, zone

        named = local_zone() if command.rest == "local" else zone(command.rest)
        self.services.take_zone(command.rest, named)
        self._zone_changed()

    def _obey_recording(self, command: Command) -> None:
        name, colon, call = command.rest.partition(":")
        if not (colon and call):
            raise ValueError(f"expected PBX:ID, found {command.rest!r}")
        self.run_worker(self._recording(self._named(name), call), group="download")

    async def _recording(self, name: str, call: str) -> None:
        from voiptui.pbx.errors import PbxError

        try:
            system = await self.services.systems.ready(name)
            record = await system.cdr(call)
        except PbxError as error:
            self.said(f"{name}: {error}", bad=True)
            return
        await self.recordings.download([record])
